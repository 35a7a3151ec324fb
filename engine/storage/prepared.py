"""Statements compiled once: on the hot path SQLAlchemy's work per execution and per row costs more than SQLite's."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, CursorResult, Table, insert
from sqlalchemy.sql.expression import CompoundSelect, Select, UpdateBase

Row = Mapping[str, Any]
_Compiled = tuple[str, Callable[[Row], Any]]

_ONE_ROW = re.compile(r"VALUES (\(\?(?:, \?)*\))")
_MOST_ROWS = 64  # of one statement: 64 of the widest table are 1,700 values, SQLite takes 32,766


class Prepared:
    """A Core statement whose values are plain: integers, text, bytes, booleans, None.

    Results come as the driver gives them: a boolean of SQLite is 0 or 1.
    """

    def __init__(
        self, statement: Select[Any] | CompoundSelect[Any] | UpdateBase, columns: Sequence[str] | None = None
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
        """Executes it for each of `rows`; for none, not at all.

        For SQLite an INSERT takes many rows at once: its driver gives up the interpreter's lock around each execution, and
        on a busy process getting it back costs more than the row.
        """
        if not rows:
            return
        sql, bound = self._for(connection)
        values = [bound(row) for row in rows]
        if connection.dialect.name != "sqlite" or not _ONE_ROW.search(sql):
            connection.exec_driver_sql(sql, values)
            return
        for start, count in _parts(len(values)):
            whole = tuple(chain.from_iterable(values[start : start + count]))
            connection.exec_driver_sql(_with_rows(sql, count), whole)

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


def _parts(total: int) -> Iterator[tuple[int, int]]:
    """(start, count) of each part; counts are powers of two, so that few texts are prepared."""
    start = 0
    while start < total:
        count = min(_MOST_ROWS, 1 << ((total - start).bit_length() - 1))
        yield start, count
        start += count


@lru_cache(maxsize=256)
def _with_rows(sql: str, count: int) -> str:
    """The INSERT of one row as an INSERT of `count`."""
    return _ONE_ROW.sub(lambda found: "VALUES " + ", ".join([found[1]] * count), sql, count=1)


def inserting(table: Table) -> Prepared:
    """An INSERT of whole rows: every column is given."""
    return Prepared(insert(table), [column.name for column in table.c])
