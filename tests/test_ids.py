from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from engine.ids import b3_trace_id, new_event_id, trace_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_an_event_id_is_a_version_7_uuid_of_its_time_and_no_two_are_the_same() -> None:
    ids = [new_event_id(NOW) for _ in range(1000)]
    parsed = uuid.UUID(ids[0])
    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
    assert parsed.int >> 80 == int(NOW.timestamp() * 1000)
    assert len(set(ids)) == 1000


def test_ids_sort_as_they_came() -> None:
    ids = [new_event_id(NOW + timedelta(milliseconds=n)) for n in range(50)]
    assert ids == sorted(ids)


def test_a_trace_id_of_ours_is_32_hex_digits() -> None:
    trace_id = trace_of(new_event_id(NOW))
    assert b3_trace_id(trace_id.encode()) == trace_id


@pytest.mark.parametrize("value", [b"", b"0" * 16, b"0" * 32, b"x" * 16, b"a" * 15, b"a" * 33, b"a" * 16 + b"\n"])
def test_what_is_no_b3_trace_id_is_not_kept(value: bytes) -> None:
    assert b3_trace_id(value) is None
