"""Hourly counters, so that counts never scan the history."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sqlalchemy import Connection, delete, func, select

from engine.storage.bulk import Conflict, Rows
from engine.storage.dialect import shard_of
from engine.storage.tables import counters

HOUR_US = 3_600 * 1_000_000
HOURLY_FOR = 7 * 24

# (hour, pipeline or "", outcome) -> how many. The hour is that of the row it counts, so that rows can be counted against it.
Counts = Counter[tuple[int, str, str]]


def hour_of(at_us: int) -> int:
    """The hour of an instant, since 1970."""
    return at_us // HOUR_US


def _added(insert: Any) -> Any:
    key = [counters.c.hour, counters.c.pipeline, counters.c.outcome, counters.c.shard]
    return insert.on_conflict_do_update(index_elements=key, set_={"count": counters.c.count + insert.excluded.count})


_ADD = Rows(
    counters,
    Conflict(
        _added, "ON CONFLICT (hour, pipeline, outcome, shard) DO UPDATE SET count = counters.count + excluded.count"
    ),
)


def count(connection: Connection, counts: Counts) -> None:
    """Adds them. Sorted, so that two processes take the rows' locks in the same order."""
    _add(connection, counts, shard_of(connection))


def _add(connection: Connection, counts: Counts, shard: int) -> None:
    rows = [
        {"hour": hour, "pipeline": pipeline, "outcome": outcome, "shard": shard, "count": number}
        for (hour, pipeline, outcome), number in sorted(counts.items())
        if number
    ]
    _ADD.run_many(connection, rows)


def totals(connection: Connection, since_hour: int = 0) -> dict[tuple[str, str], int]:
    """All that was counted since that hour, by pipeline and outcome."""
    rows = connection.execute(
        select(counters.c.pipeline, counters.c.outcome, func.sum(counters.c.count))
        .where(counters.c.hour >= since_hour)
        .group_by(counters.c.pipeline, counters.c.outcome)
    )
    return {(pipeline, outcome): int(number) for pipeline, outcome, number in rows}


def fold(connection: Connection, now_us: int) -> None:
    """Adds up the hours of days a week past, so that few rows make a sum of all times. A day's first hour stands for it."""
    before = (hour_of(now_us) - HOURLY_FOR) // 24 * 24
    hour, shard = counters.c.hour, counters.c.shard
    scattered = (hour < before) & ((hour % 24 != 0) | (shard != 0))
    gone = delete(counters).where(scattered).returning(hour, counters.c.pipeline, counters.c.outcome, counters.c.count)
    counts: Counts = Counter()
    for at, pipeline, outcome, number in connection.execute(gone):
        counts[at // 24 * 24, pipeline, outcome] += number
    _add(connection, counts, 0)
