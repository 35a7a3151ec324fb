"""The short way to the driver, past SQLAlchemy's work on each execution, which costs more than the database's.

To PostgreSQL they go one behind the other without a wait between them (libpq's pipeline mode). Their answers are read when
somebody asks for rows, before Core executes anything, and at the commit; so an error may surface at a later statement of
the same transaction, which is lost either way.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Protocol, cast

import psycopg
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError

from engine.storage.pipelined import ServerLine

LINE = "line"


class Line(Protocol):
    """One connection's way to its database."""

    errors: type[Exception]

    def execute(self, sql: str, values: Any) -> Any:
        """The driver's cursor; what it holds may be on its way still."""

    def execute_many(self, sql: str, values: Sequence[Any]) -> None: ...

    def settle(self) -> None:
        """Waits until all that was sent is answered. Raises the first error of it."""


class FileLine:
    """SQLite: every statement is answered at once."""

    errors: type[Exception] = sqlite3.Error

    def __init__(self, driver: sqlite3.Connection) -> None:
        self._driver = driver

    def execute(self, sql: str, values: Any) -> sqlite3.Cursor:
        return self._driver.execute(sql, values)

    def execute_many(self, sql: str, values: Sequence[Any]) -> None:
        self._driver.executemany(sql, values)

    def settle(self) -> None:
        return


def lay_lines(engine: Engine, begin: str) -> None:
    """Every connection of `engine` gets its line, and begins its transactions with `begin`."""

    @event.listens_for(engine, "connect")
    def connected(driver: Any, record: Any) -> None:
        record.info[LINE] = FileLine(driver) if isinstance(driver, sqlite3.Connection) else ServerLine(driver)

    @event.listens_for(engine, "begin")
    def began(connection: Connection) -> None:
        execute(connection, begin)

    @event.listens_for(engine, "before_cursor_execute")
    def core_executes(connection: Connection, *_told: Any) -> None:
        settle(connection)


def execute(connection: Connection, sql: str, values: Any = ()) -> Any:
    """Sends it; the driver's cursor, for `fetch`. Raises DBAPIError, of this statement or one before it."""
    line: Line = connection.info[LINE]
    try:
        return line.execute(sql, values)
    except line.errors as error:
        raise _translated(connection, sql, error) from error


def execute_many(connection: Connection, sql: str, values: Sequence[Any]) -> None:
    """Sends it once for each of `values`. Raises DBAPIError, of this statement or one before it."""
    line: Line = connection.info[LINE]
    try:
        line.execute_many(sql, values)
    except line.errors as error:
        raise _translated(connection, sql, error) from error


def fetch(connection: Connection, sql: str, cursor: Any) -> list[tuple[Any, ...]]:
    """All rows of what `execute` sent. Raises DBAPIError, of this statement or one before it."""
    line: Line = connection.info[LINE]
    try:
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    except line.errors as error:
        raise _translated(connection, sql, error) from error
    return rows


def settle(connection: Connection) -> None:
    """Waits for what was sent. Raises DBAPIError, of any statement of it."""
    line: Line = connection.info[LINE]
    try:
        line.settle()
    except line.errors as error:
        raise _translated(connection, None, error) from error


def give_up(connection: Connection) -> None:
    """What was sent is of no interest any more: the transaction is to be rolled back."""
    if connection.invalidated:
        return
    line: Line = connection.info[LINE]
    with suppress(line.errors):
        line.settle()


@contextmanager
def savepoint(connection: Connection) -> Iterator[None]:
    """What a statement within does before it raises DBAPIError is undone, and no more than that."""
    execute(connection, "SAVEPOINT within")
    try:
        yield
    except DBAPIError as error:
        if not error.connection_invalidated:
            give_up(connection)
            execute(connection, "ROLLBACK TO SAVEPOINT within")
            execute(connection, "RELEASE SAVEPOINT within")
        raise
    execute(connection, "RELEASE SAVEPOINT within")


def _translated(connection: Connection, sql: str | None, error: Exception) -> DBAPIError:
    """The error as Core would raise it, without the values of the row."""
    dialect = connection.dialect
    driver: Any = connection.connection.driver_connection
    gone = dialect.is_disconnect(error, driver, None)  # type: ignore[arg-type]
    base: Any = sqlite3.Error if isinstance(error, sqlite3.Error) else psycopg.Error
    found: Any = DBAPIError.instance(
        sql, None, error, base, hide_parameters=True, connection_invalidated=gone, dialect=dialect
    )
    if gone:
        connection.invalidate(error)
    return cast(DBAPIError, found)
