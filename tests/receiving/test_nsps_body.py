from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from engine.errors import EventRefused
from engine.receiving.espf_body import Stamp
from engine.receiving.nsps_body import nsps_key, read_nsps

STAMP = Stamp(event_id="ours", received_at=datetime(2026, 1, 1, tzinfo=UTC), trace_id="t1")
DATA = {"event_type": "SIM/Updated", "variables": {"i_env": 1, "i_event": 810003}}


def envelope(**fields: Any) -> bytes:
    return orjson.dumps({"event_id": "7b1d", "data": DATA, **fields})


def test_an_envelope_brings_its_id_its_facts_and_when_it_was_created() -> None:
    facts = {"account_info": {"blocked": False}, "sim_info": None}
    event = read_nsps(envelope(pb_data=facts, created_at="2025-06-09T17:44:21+00:00", status="queued", new=1), STAMP)
    assert (event.id, event.source, event.i_event, event.i_env) == ("7b1d", "nsps", "810003", "1")
    assert event.facts == facts
    assert event.created_at == "2025-06-09T17:44:21+00:00"


@pytest.mark.parametrize("fields", [{}, {"pb_data": None}, {"pb_data": {}}])
def test_an_envelope_without_facts_is_enriched_with_nothing(fields: dict[str, Any]) -> None:
    assert read_nsps(envelope(**fields), STAMP).facts == {}


@pytest.mark.parametrize("data", [{"event_type": "X/Y"}, {"event_type": "X/Y", "variables": None}])
def test_variables_default_to_none(data: dict[str, Any]) -> None:
    assert read_nsps(envelope(data=data), STAMP).data["variables"] == {}


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (b"", "empty"),
        (b"[]", "list"),
        (orjson.dumps({"data": DATA}), "event_id"),
        (envelope(event_id=7), "event_id"),
        (envelope(event_id=""), "event_id"),
        (envelope(event_id="x" * 201), "event_id"),
        (orjson.dumps({"event_id": "7b1d"}), "data"),
        (envelope(data=[]), "data"),
        (envelope(data={}), "event_type"),
        (envelope(data={"event_type": 1}), "event_type"),
        (envelope(data={"event_type": "X/Y", "variables": []}), "variables"),
        (envelope(pb_data=[]), "pb_data"),
    ],
)
def test_what_the_documented_schema_refuses_is_refused_with_422_and_named(body: bytes, names: str) -> None:
    with pytest.raises(EventRefused, match=names) as refused:
        read_nsps(body, STAMP)
    assert refused.value.status == 422


def test_a_repeat_is_known_by_its_event_id_alone() -> None:
    one, again = read_nsps(envelope(), STAMP), read_nsps(envelope(pb_data={"sim_info": {}}), STAMP)
    assert nsps_key(one) == nsps_key(again)
    assert nsps_key(one) != nsps_key(read_nsps(envelope(event_id="other"), STAMP))
