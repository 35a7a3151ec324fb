"""An event as tests and dry-runs write it: an ESPF webhook, or an envelope with its pb_data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from engine.event import Event
from engine.ids import new_event_id, trace_of
from engine.receiving.espf_body import Stamp, read_espf
from engine.receiving.nsps_body import read_nsps


def read_event(written: Mapping[str, Any], now: datetime) -> Event:
    """The event, received `now`. What has `data` is an envelope; its `event_id` may be left out.

    Raises EventRefused, saying what is missing, as the receiver would.
    """
    event_id = new_event_id(now)
    stamp = Stamp(event_id=event_id, received_at=now, trace_id=trace_of(event_id))
    if "data" in written:
        return read_nsps(orjson.dumps({"event_id": event_id, **written}), stamp)
    return read_espf(orjson.dumps(written), stamp)
