"""Statements compiled once, and executed by the short way: what is done for every event."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, TextClause
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.sql.expression import CompoundSelect, Select, UpdateBase

from engine.storage.direct import execute, execute_many, fetch

Row = Mapping[str, Any]
_Compiled = tuple[str, Callable[[Row], Sequence[Any]]]
_SERVER: Any = psycopg.dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]


class Prepared:
    """A Core statement whose values are plain: integers, text, bytes, booleans, None.

    Results come as the driver gives them: a boolean of SQLite is 0 or 1. An error is a DBAPIError, as Core's is.
    """

    def __init__(
        self,
        statement: Select[Any] | CompoundSelect[Any] | UpdateBase | TextClause,
        columns: Sequence[str] | None = None,
    ) -> None:
        self.statement = statement
        self._columns = columns
        self._compiled: dict[str, _Compiled] = {}
        self._made: Callable[[Any], Any] | None = None

    def run(self, connection: Connection, values: Row) -> None:
        """Executes it once; on PostgreSQL it may be under way still when this returns."""
        sql, bound = self._for(connection)
        execute(connection, sql, bound(values))

    def run_many(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Executes it for each of `rows`; for none, not at all."""
        if rows:
            sql, bound = self._for(connection)
            execute_many(connection, sql, [bound(row) for row in rows])

    def rows(self, connection: Connection, values: Row) -> Sequence[Any]:
        """All rows it gives, named tuples."""
        return self.asked(connection, values)()

    def asked(self, connection: Connection, values: Row) -> Callable[[], Sequence[Any]]:
        """Sends it. When called, what this returns waits and gives all rows: several questions cost one wait."""
        sql, bound = self._for(connection)
        cursor = execute(connection, sql, bound(values))
        return lambda: self._read(connection, sql, cursor)

    def _read(self, connection: Connection, sql: str, cursor: Any) -> Sequence[Any]:
        rows = fetch(connection, sql, cursor)
        if self._made is None:
            self._made = _maker([column[0] for column in cursor.description])
        return [*map(self._made, rows)]

    def _for(self, connection: Connection) -> _Compiled:
        name = connection.dialect.name
        found = self._compiled.get(name)
        if found is None:
            dialect = _SERVER if name == "postgresql" else connection.dialect
            found = self._compiled[name] = _compile(self.statement, dialect, self._columns)
        return found


def _maker(names: Sequence[str]) -> Callable[[Any], Any]:
    made: Any = namedtuple("Found", names)  # type: ignore[misc]
    make: Callable[[Any], Any] = made._make
    return make


def _compile(statement: Any, dialect: Any, columns: Sequence[str] | None) -> _Compiled:
    compiled = statement.compile(dialect=dialect, column_keys=columns)
    fixed = {name: bind.value for name, bind in compiled.binds.items() if not bind.required}
    names: Sequence[str] = compiled.positiontup
    if not names:
        return str(compiled), lambda _row: ()
    pick = itemgetter(*names)
    single = len(names) == 1
    if fixed:
        return str(compiled), lambda row: (pick({**fixed, **row}),) if single else pick({**fixed, **row})
    return str(compiled), lambda row: (pick(row),) if single else pick(row)
