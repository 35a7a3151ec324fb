"""What PortaOne's NSPS posts to a connector: the enriched envelope, to an Event with its facts (domain.md 4.3).

Extra fields are tolerated. What the documented schema refuses is refused here too, with 422.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from engine.errors import EventRefused
from engine.event import Event
from engine.receiving.espf_body import Stamp, id_text, read_event_type, read_variables
from engine.receiving.strict_json import BOM, kind_of, parse_object

STATUS = 422
LONGEST_EVENT_ID = 200


def read_nsps(body: bytes, stamp: Stamp) -> Event:
    """The event, under the sender's own `event_id`. Raises EventRefused (422) when the envelope is malformed."""
    body = body.removeprefix(BOM)
    envelope = parse_object(body, STATUS)
    data = _object(envelope, "data")
    if data is None:
        raise EventRefused(STATUS, "`data` is missing; an object with `event_type` is expected")
    variables = read_variables(data, STATUS)
    if data.get("variables") is None:
        data["variables"] = variables
    return Event(
        id=_event_id(envelope),
        source="nsps",
        received_at=stamp.received_at,
        event_type=read_event_type(data, STATUS),
        data=data,
        body=body,
        i_env=id_text(variables.get("i_env")),
        i_event=id_text(variables.get("i_event")),
        trace_id=stamp.trace_id,
        facts=_object(envelope, "pb_data") or {},
        created_at=_created_at(envelope),
    )


def nsps_key(event: Event) -> str:
    """What a repeat is known by: source and `event_id` alone, whatever else changed."""
    return sha256(f"nsps\0{event.id}".encode()).hexdigest()


def _event_id(envelope: Mapping[str, Any]) -> str:
    event_id = envelope.get("event_id")
    if not isinstance(event_id, str) or not event_id:
        what = "is missing" if event_id is None else "is empty" if event_id == "" else f"is {kind_of(event_id)}"
        raise EventRefused(STATUS, f"`event_id` {what}; text is expected")
    if len(event_id) > LONGEST_EVENT_ID or not event_id.isprintable():
        raise EventRefused(STATUS, f"`event_id` is longer than {LONGEST_EVENT_ID} characters or not printable")
    return event_id


def _created_at(envelope: Mapping[str, Any]) -> str | None:
    created_at = envelope.get("created_at")
    return created_at if isinstance(created_at, str) and created_at.isprintable() and len(created_at) <= 64 else None


def _object(envelope: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    value = envelope.get(name)
    if value is not None and not isinstance(value, dict):
        raise EventRefused(STATUS, f"`{name}` is {kind_of(value)}; an object is expected")
    return value
