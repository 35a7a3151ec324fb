"""Many short rows at once: PostgreSQL takes them as one JSON value, for there each row of its own costs a message each way."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from sqlalchemy import BigInteger, Connection, Table, bindparam, text

from engine.storage.dialect import upsert
from engine.storage.prepared import Prepared, Row


class ShortRows:
    """An INSERT of rows of text and 64-bit integers, each column given; those whose key is there are left out."""

    def __init__(self, table: Table) -> None:
        self._names = [column.name for column in table.c]
        self._one = Prepared(upsert("sqlite", table).on_conflict_do_nothing(), self._names)
        values = (
            f"CAST(item ->> {index} AS BIGINT)" if isinstance(column.type, BigInteger) else f"item ->> {index}"
            for index, column in enumerate(table.c)
        )
        self._all = text(
            f"INSERT INTO {table.name} ({', '.join(self._names)}) SELECT {', '.join(values)}"  # noqa: S608 - names of ours
            " FROM jsonb_array_elements(CAST(:rows AS JSONB)) AS item ON CONFLICT DO NOTHING"
        ).bindparams(bindparam("rows"))

    def run_many(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Inserts `rows` in their order; for none, does nothing."""
        if not rows:
            return
        if connection.dialect.name != "postgresql":
            self._one.run_many(connection, rows)
            return
        told = [[row[name] for name in self._names] for row in rows]
        connection.execute(self._all, {"rows": orjson.dumps(told).decode()})
