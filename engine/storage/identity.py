"""Event ids and days: an id we gave begins with its time (UUID of version 7), so PostgreSQL need look into few partitions."""

from __future__ import annotations

import re
from datetime import timedelta

from sqlalchemy import Connection, false, true
from sqlalchemy.sql.expression import ColumnElement

from engine.storage.numbers import day_of, first_of
from engine.storage.tables import events

# RFC 9562 §5.7: 48 bits of milliseconds, then the version.
_TIMED = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_BEGINNING = re.compile(r"[0-9a-f]{4,8}|[0-9a-f]{8}-[0-9a-f]{0,4}(-[0-9a-f-]*)?")
_LATEST_MS = 4_102_444_800_000  # 2100


def days_of_id(connection: Connection, event_id: str) -> ColumnElement[bool]:
    """That an event lies where the one of this id would; true of all for an id that tells no time."""
    return days_of_guess(connection, event_id) if _TIMED.fullmatch(event_id) else true()


def days_of_guess(connection: Connection, wanted: str) -> ColumnElement[bool]:
    """That an event lies where one with this id, or this beginning of one, would; always true in a file.

    False for what a person typed that is no beginning of an id we give: no partition need be opened.
    """
    if connection.dialect.name != "postgresql":
        return true()
    if _UUID.fullmatch(wanted) and not _TIMED.fullmatch(wanted):
        return true()
    if not _BEGINNING.fullmatch(wanted):
        return false()
    digits = wanted.replace("-", "")[:12]
    first_ms, last_ms = int(digits.ljust(12, "0"), 16), int(digits.ljust(12, "f"), 16)
    if first_ms >= _LATEST_MS:
        return false()
    first, last = day_of(first_ms * 1000), day_of(min(last_ms, _LATEST_MS) * 1000)
    low, high = first_of(max(first, _FIRST) - timedelta(days=1)), first_of(last + timedelta(days=2))
    return (events.c.seq >= low) & (events.c.seq < high)


_FIRST = day_of(978_307_200_000_000)  # 2001: numbers count years from 2000
