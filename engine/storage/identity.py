"""Event ids and days: an id we gave begins with its time (UUID of version 7), so PostgreSQL need look into few partitions."""

from __future__ import annotations

import re
from datetime import timedelta

from sqlalchemy import Connection, true
from sqlalchemy.sql.expression import ColumnElement

from engine.storage.numbers import day_of, first_of
from engine.storage.tables import events

# RFC 9562 §5.7: 48 bits of milliseconds, then the version.
_TIMED = re.compile(r"([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


def id_days(connection: Connection, event_id: str) -> ColumnElement[bool]:
    """That an event lies where one with this id would; true of all for an id that tells no time, and in a file."""
    timed = _TIMED.fullmatch(event_id)
    if timed is None or connection.dialect.name != "postgresql":
        return true()
    day = day_of(int(timed[1] + timed[2], 16) * 1000)
    around = (first_of(day - timedelta(days=1)), first_of(day + timedelta(days=2)))
    return (events.c.seq >= around[0]) & (events.c.seq < around[1])
