"""The few places where SQLite and PostgreSQL spell the same thing differently. Everything else is plain Core."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import BigInteger, Connection, Table, Text, bindparam, cast, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import ColumnElement
from sqlalchemy.sql.functions import FunctionElement

DIALECTS = ("sqlite", "postgresql")
LOCKED = ("database is locked", "database table is locked", "database schema is locked")


def upsert(dialect: str, table: Table) -> Any:
    """An INSERT that knows `on_conflict_do_nothing` and `on_conflict_do_update`."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


def store_time(connection: Connection, now: datetime) -> datetime:
    """The server's time; a file has none, there the caller's clock is the authority."""
    if connection.dialect.name == "postgresql":
        told: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
        return told
    return now


def new_numbers(connection: Connection, table: Table, count: int) -> list[int]:
    """`count` numbers that `table` never gave a row and never will another; ascending.

    Fetched first, so that rows go in by `executemany` and those that refer to them need not wait for each.
    """
    if connection.dialect.name == "postgresql":
        column = table.primary_key.columns.values()[0].name
        asked = text("SELECT nextval(pg_get_serial_sequence(:table, :column)) FROM generate_series(1, :count)")
        values = {"table": table.name, "column": column, "count": count}
        return sorted(connection.execute(asked, values).scalars())
    # The writer holds the file's write lock from BEGIN IMMEDIATE on; the rows themselves move the counter.
    last = connection.exec_driver_sql("SELECT seq FROM sqlite_sequence WHERE name = ?", (table.name,)).scalar() or 0
    return list(range(last + 1, last + count + 1))


class json_items(FunctionElement[Any]):
    """The items of a JSON list as rows: one bound value however long the list, so one statement text."""

    inherit_cache = True


@compiles(json_items, "sqlite")
def _sqlite_items(element: Any, compiler: Any, **more: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **more)})"


@compiles(json_items, "postgresql")
def _postgresql_items(element: Any, compiler: Any, **more: Any) -> str:
    return f"jsonb_array_elements_text(CAST({compiler.process(element.clauses, **more)} AS JSONB))"


def among(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """`column` is one of the list bound as `name` (by `listed`)."""
    value = json_items(bindparam(name, type_=Text())).table_valued("value").c.value
    numeric = isinstance(column.type, BigInteger)
    return column.in_(select(cast(value, BigInteger()) if numeric else value))


def listed(values: Iterable[Any]) -> str:
    """A list as `among` binds it."""
    return orjson.dumps(list(values)).decode()


def concerns_all(error: Exception) -> bool:
    """Whether trying the members of a failed group one by one would only fail, slowly, for each of them."""
    if not isinstance(error, DBAPIError):
        return False
    return error.connection_invalidated or any(words in str(error.orig) for words in LOCKED)
