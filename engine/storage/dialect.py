"""The few places where SQLite and PostgreSQL spell the same thing differently. Everything else is plain Core."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError

LOCKED = ("database is locked", "database table is locked", "database schema is locked")


def upsert(connection: Connection, table: Table) -> Any:
    """An INSERT that knows `on_conflict_do_nothing` and `on_conflict_do_update`."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def store_time(connection: Connection, now: datetime) -> datetime:
    """The server's time; a file has none, there the caller's clock is the authority."""
    if connection.dialect.name == "postgresql":
        told: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
        return told
    return now


def concerns_all(error: Exception) -> bool:
    """Whether trying the members of a failed group one by one would only fail, slowly, for each of them."""
    if not isinstance(error, DBAPIError):
        return False
    return error.connection_invalidated or any(words in str(error.orig) for words in LOCKED)
