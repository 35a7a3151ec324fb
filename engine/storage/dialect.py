# ruff: noqa: S608 - statements of our own, values are bound
"""The few places where SQLite and PostgreSQL spell the same thing differently. Everything else is plain Core."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import BigInteger, Connection, Integer, Select, Table, Text, bindparam, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import ColumnElement
from sqlalchemy.sql.functions import FunctionElement

DIALECTS = ("sqlite", "postgresql")
COUNTER_SHARDS = 16
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


def shard_of(connection: Connection) -> int:
    """Which row of a counter this connection adds to, so that processes do not wait for each other's commits."""
    if connection.dialect.name != "postgresql":
        return 0
    driver: Any = connection.connection.driver_connection
    return int(driver.info.backend_pid) % COUNTER_SHARDS


def hold_others_off(connection: Connection, what: str) -> None:
    """Until the transaction ends nobody else of this instance passes here; a file's writer is alone anyhow."""
    if connection.dialect.name == "postgresql":
        number = "hashtextextended(current_schema() || :what, 0)"
        connection.execute(text(f"SELECT pg_advisory_xact_lock({number})"), {"what": f"/{what}"})


class one_of(FunctionElement[bool]):
    """`one_of(column, list)`: one bound value however long the list, so one statement text, and one plan: along an index."""

    inherit_cache = True


@compiles(one_of, "sqlite")
def _sqlite_one_of(element: Any, compiler: Any, **more: Any) -> str:
    column, items = element.clauses
    value = _cast("value", column, "INTEGER")
    return f"{compiler.process(column, **more)} IN (SELECT {value} FROM json_each({compiler.process(items, **more)}))"


@compiles(one_of, "postgresql")
def _postgresql_one_of(element: Any, compiler: Any, **more: Any) -> str:
    # An array, not a sub-select: that would be joined, as suits statistics which are never those of this moment.
    column, items = element.clauses
    listed = f"jsonb_array_elements_text(CAST({compiler.process(items, **more)} AS JSONB)) AS item(value)"
    return f"{compiler.process(column, **more)} = ANY(ARRAY(SELECT {_cast('value', column, 'BIGINT')} FROM {listed}))"


class chosen_by(FunctionElement[bool]):
    """`chosen_by(column, ids)`: one of those that `ids` selects, which is asked once and first."""

    inherit_cache = True


@compiles(chosen_by, "sqlite")
def _sqlite_chosen_by(element: Any, compiler: Any, **more: Any) -> str:
    column, ids = element.clauses
    return f"{compiler.process(column, **more)} IN {compiler.process(ids, **more)}"


@compiles(chosen_by, "postgresql")
def _postgresql_chosen_by(element: Any, compiler: Any, **more: Any) -> str:
    # An array again: as a join it may be asked for every row there is, a backlog of thousands for each claim.
    column, ids = element.clauses
    return f"{compiler.process(column, **more)} = ANY(ARRAY{compiler.process(ids, **more)})"


def chosen(column: ColumnElement[Any], ids: Select[Any]) -> ColumnElement[bool]:
    """`column` is one of those that `ids` selects."""
    return chosen_by(column, ids.scalar_subquery())


def _cast(value: str, column: ColumnElement[Any], integer: str) -> str:
    return f"CAST({value} AS {integer})" if isinstance(column.type, BigInteger | Integer) else value


def among(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """`column` is one of the list bound as `name` (by `listed`)."""
    return one_of(column, bindparam(name, type_=Text()))


def listed(values: Iterable[Any]) -> str:
    """A list as `among` binds it."""
    return orjson.dumps(list(values)).decode()


def concerns_all(error: Exception) -> bool:
    """Whether trying the members of a failed group one by one would only fail, slowly, for each of them."""
    if not isinstance(error, DBAPIError):
        return isinstance(error, PoolTimeout)
    if error.connection_invalidated or any(words in str(error.orig) for words in LOCKED):
        return True
    # PostgreSQL's classes: 08 no connection, 25 read-only, 53 no disk or memory, 55 locks, 57 shut down or timed out.
    state = getattr(error.orig, "sqlstate", None) or ""
    return state[:2] in {"08", "25", "53", "55", "57"} or (
        state == "" and isinstance(error, OperationalError) and _is_server(error)
    )


def _is_server(error: DBAPIError) -> bool:
    return type(error.orig).__module__.startswith("psycopg")
