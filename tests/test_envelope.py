"""The NSPS envelope."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from scripted import event

from engine.envelope import envelope, iso, routing_scope

AT = datetime(2025, 6, 9, 17, 44, 21, 207629, tzinfo=UTC)


def test_it_has_exactly_the_documented_fields_in_their_order() -> None:
    made = envelope(event(received_at=AT), "hss-main", {"sim_info": None}, AT + timedelta(seconds=1))
    assert made == {
        "event_id": "7b1d0c52-5a55-4f0e-9a9e-2c1f6f1f3f10",
        "data": {"event_type": "SIM/Updated", "variables": {"i_env": 3, "i_event": 7, "i_account": 277147}},
        "pb_data": {"sim_info": None},
        "handler_id": "hss-main",
        "created_at": "2025-06-09T17:44:21.207629+00:00",
        "updated_at": "2025-06-09T17:44:22.207629+00:00",
        "status": "queued",
    }
    assert list(made) == ["event_id", "data", "pb_data", "handler_id", "created_at", "updated_at", "status"]


def test_data_is_the_senders_own() -> None:
    taken = event()
    assert envelope(taken, "p", None, None)["data"] is taken.data


def test_created_at_stays_what_an_envelope_brought() -> None:
    assert envelope(event(created_at="2025-01-01T00:00:00Z"), "p", None, None)["created_at"] == "2025-01-01T00:00:00Z"


def test_instants_have_microseconds_even_when_they_are_zero_and_are_in_utc() -> None:
    local = datetime(2025, 6, 9, 19, 0, 0, tzinfo=timezone(timedelta(hours=2)))
    assert iso(local) == "2025-06-09T17:00:00.000000+00:00"


def test_instants_are_written_as_python_writes_them() -> None:
    instants = [
        AT,
        AT.replace(microsecond=1),
        AT.replace(microsecond=500_000),
        AT.replace(year=33),
        AT.replace(year=9999),
    ]
    assert [iso(each) for each in instants] == [each.isoformat(timespec="microseconds") for each in instants]


def test_routing_sees_it_without_what_enrichment_will_add() -> None:
    assert set(routing_scope(event(), {})) == {"event_id", "data", "handler_id", "created_at", "config"}
