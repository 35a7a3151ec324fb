"""Statements compiled once: on the hot path SQLAlchemy's work per execution and per row costs more than SQLite's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, CursorResult, TextClause
from sqlalchemy.sql.expression import CompoundSelect, Select, UpdateBase

Row = Mapping[str, Any]
_Compiled = tuple[str, Callable[[Row], Any]]


class Prepared:
    """A Core statement whose values are plain: integers, text, bytes, booleans, None.

    Results come as the driver gives them: a boolean of SQLite is 0 or 1.
    """

    def __init__(
        self,
        statement: Select[Any] | CompoundSelect[Any] | UpdateBase | TextClause,
        columns: Sequence[str] | None = None,
    ) -> None:
        self.statement = statement
        self._columns = columns
        self._compiled: dict[str, _Compiled] = {}

    def run(self, connection: Connection, values: Row) -> CursorResult[Any]:
        """Executes it once."""
        sql, bound = self._for(connection)
        return connection.exec_driver_sql(sql, bound(values))

    def rows(self, connection: Connection, values: Row) -> Sequence[Any]:
        """All rows it gives, fetched at once."""
        return self.run(connection, values).all()

    def run_many(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Executes it for each of `rows`; for none, not at all."""
        if rows:
            sql, bound = self._for(connection)
            connection.exec_driver_sql(sql, [bound(row) for row in rows])

    def _for(self, connection: Connection) -> _Compiled:
        dialect = connection.dialect
        found = self._compiled.get(dialect.name)
        if found is None:
            found = self._compiled[dialect.name] = _compile(self.statement, dialect, self._columns)
        return found


def _compile(statement: Any, dialect: Any, columns: Sequence[str] | None) -> _Compiled:
    compiled = statement.compile(dialect=dialect, column_keys=columns)
    fixed = {name: bind.value for name, bind in compiled.binds.items() if not bind.required}
    names: Sequence[str] = compiled.positiontup if compiled.positional else ()
    if not names:
        return str(compiled), lambda row: {**fixed, **row}
    pick = itemgetter(*names)
    single = len(names) == 1
    if fixed:
        return str(compiled), lambda row: (pick({**fixed, **row}),) if single else pick({**fixed, **row})
    return str(compiled), lambda row: (pick(row),) if single else pick(row)
