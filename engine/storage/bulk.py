"""Many rows at once: PostgreSQL takes them as one JSON value, for there each row of its own costs a message each way.

Bytes, which JSON does not hold, go beside it in one piece; each row says which part of that is its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import orjson
from sqlalchemy import (
    BigInteger,
    BindParameter,
    Boolean,
    Column,
    Connection,
    Integer,
    LargeBinary,
    Table,
    bindparam,
    insert,
    text,
)

from engine.storage.dialect import upsert
from engine.storage.prepared import Prepared, Row

MOST_BYTES = 4 * 1024 * 1024  # in one statement; a single row may hold more


class Conflict(NamedTuple):
    """What becomes of a row whose key is there already: for an INSERT of Core, and in words."""

    of: Callable[[Any], Any]
    sql: str


LEFT_OUT = Conflict(lambda insert: insert.on_conflict_do_nothing(), "ON CONFLICT DO NOTHING")


class Rows:
    """An INSERT of whole rows of a table: every column is given."""

    def __init__(self, table: Table, conflict: Conflict | None = None) -> None:
        self._plain = [column.name for column in table.c if not isinstance(column.type, LargeBinary)]
        self._packed = [column.name for column in table.c if isinstance(column.type, LargeBinary)]
        self._told: Callable[[Row], tuple[Any, ...]] = itemgetter(*self._plain)  # every table has more than one
        one = conflict.of(upsert("sqlite", table)) if conflict else insert(table)
        self._one = Prepared(one, [*self._plain, *self._packed])
        self._all = Prepared(self._statement(table, conflict.sql if conflict else ""))

    def _statement(self, table: Table, ending: str) -> Any:
        values = [_value(index, table.c[name]) for index, name in enumerate(self._plain)]
        values += [_piece(len(self._plain) + 2 * index) for index in range(len(self._packed))]
        names = ", ".join([*self._plain, *self._packed])
        bound: list[BindParameter[Any]] = [bindparam("rows")]
        if self._packed:
            bound.append(bindparam("bytes"))
        return text(
            f"INSERT INTO {table.name} ({names}) SELECT {', '.join(values)}"  # noqa: S608 - names of ours
            f" FROM jsonb_array_elements(CAST(:rows AS JSONB)) AS item {ending}"
        ).bindparams(*bound)

    def run_many(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Inserts `rows` in their order; for none, does nothing."""
        if connection.dialect.name != "postgresql":
            self._one.run_many(connection, rows)
            return
        for told, packed in self._parcels(rows):
            values = {"rows": orjson.dumps(told).decode()}
            self._all.run(connection, {**values, "bytes": packed} if self._packed else values)

    def _parcels(self, rows: Sequence[Row]) -> Iterator[tuple[list[list[Any]], bytes]]:
        """The rows as lists: plain values, then where in the bytes each packed one begins, and how long it is."""
        told: list[list[Any]] = []
        pieces: list[bytes] = []
        size = 0
        for row in rows:
            if size > MOST_BYTES:
                yield told, b"".join(pieces)
                told, pieces, size = [], [], 0
            line = [*self._told(row)]
            for piece in (row[name] for name in self._packed):
                if piece is None:
                    line += (None, None)
                    continue
                line += (size + 1, len(piece))
                pieces.append(piece)
                size += len(piece)
            told.append(line)
        if told:
            yield told, b"".join(pieces)


def _value(index: int, column: Column[Any]) -> str:
    for kind, name in ((BigInteger, "BIGINT"), (Integer, "INTEGER"), (Boolean, "BOOLEAN")):
        if isinstance(column.type, kind):
            return f"CAST(item ->> {index} AS {name})"
    return f"item ->> {index}"


def _piece(index: int) -> str:
    begins, length = (f"CAST(item ->> {at} AS INTEGER)" for at in (index, index + 1))
    return f"substring(CAST(:bytes AS BYTEA) FROM {begins} FOR {length})"
