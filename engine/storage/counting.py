"""Hourly counters, so that counts never scan the history."""

from __future__ import annotations

from collections import Counter

from sqlalchemy import Connection, func, select

from engine.storage.dialect import DIALECTS, upsert
from engine.storage.prepared import Prepared
from engine.storage.tables import counters

HOUR_US = 3_600 * 1_000_000

# (pipeline or "", outcome) -> how many
Counts = Counter[tuple[str, str]]


def _adding(dialect: str) -> Prepared:
    insert = upsert(dialect, counters)
    key = [counters.c.hour, counters.c.pipeline, counters.c.outcome]
    added = counters.c.count + insert.excluded.count
    return Prepared(insert.on_conflict_do_update(index_elements=key, set_={"count": added}), counters.c.keys())


_ADD = {dialect: _adding(dialect) for dialect in DIALECTS}


def count(connection: Connection, counts: Counts, now_us: int) -> None:
    """Adds `counts` to this hour's. Sorted, so that two processes take the rows' locks in the same order."""
    rows = [
        {"hour": now_us // HOUR_US, "pipeline": pipeline, "outcome": outcome, "count": number}
        for (pipeline, outcome), number in sorted(counts.items())
        if number
    ]
    _ADD[connection.dialect.name].run_many(connection, rows)


def totals(connection: Connection) -> dict[tuple[str, str], int]:
    """All that was ever counted, by pipeline and outcome."""
    rows = connection.execute(
        select(counters.c.pipeline, counters.c.outcome, func.sum(counters.c.count)).group_by(
            counters.c.pipeline, counters.c.outcome
        )
    )
    return {(pipeline, outcome): int(number) for pipeline, outcome, number in rows}
