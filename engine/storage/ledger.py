"""Both sides of the ledger: what the rows say and what was counted, of all times or since an hour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, case, func, literal, select

from engine.storage.area import Area
from engine.storage.counting import HOUR_US, hour_of, totals
from engine.storage.instants import instant, micros
from engine.storage.numbers import since as first_number
from engine.storage.tables import counters, deliveries, events, history

Counted = Mapping[tuple[str, str], int]  # (pipeline or "", what) -> how many
FORGOTTEN = "forgotten "


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """`rows`: counted now, in the tables. `counted`: what the counters hold of the same time, less what retention dropped.

    `ever` is what the counters hold of all times, what was dropped included; `now` what has not ended, from rows. `since` is
    the full hour (or day, a week back) that the two sides begin at, None for all times.
    """

    since: datetime | None
    rows: Counted
    counted: Counted
    ever: Counted
    now: Counted


class LedgerArea(Area):
    async def ledger(self, since: datetime | None = None) -> Ledger:
        """Counts rows: for an audit, not for a screen. One look at one moment."""
        return await self._read(lambda connection: ledger(connection, since))


def ledger(connection: Connection, since: datetime | None) -> Ledger:
    """See `LedgerArea.ledger`."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        connection.exec_driver_sql("SET LOCAL statement_timeout = '10min'")
        connection.exec_driver_sql("SET LOCAL enable_seqscan = on")
    hour = 0 if since is None else _begin(connection, hour_of(micros(since)))
    counted = Counter(totals(connection, hour))
    for (pipeline, what), number in list(counted.items()):
        if what.startswith(FORGOTTEN):
            counted[pipeline, what.removeprefix(FORGOTTEN)] -= number
            del counted[pipeline, what]
    return Ledger(
        since=None if since is None else instant(hour * HOUR_US),
        rows=_rows(connection, hour * HOUR_US),
        counted=counted,
        ever=totals(connection),
        now=_unfinished(connection),
    )


def _begin(connection: Connection, hour: int) -> int:
    """That hour; its day's first where the hours of the day were added up."""
    day = hour // 24 * 24
    later = select(counters.c.hour).where(counters.c.hour > day, counters.c.hour < day + 24).limit(1)
    before = select(counters.c.hour).where(counters.c.hour < day + 24).limit(1)
    added_up = connection.execute(later).first() is None and connection.execute(before).first() is not None
    return day if added_up else hour


def _rows(connection: Connection, from_us: int) -> Counted:
    found: Counter[tuple[str, str]] = Counter()
    for pipeline, what, number in (row for query in _queries(connection, from_us) for row in connection.execute(query)):
        found[pipeline or "", what] += int(number)
    found["", "events"] = found["", "routed"] + found["", "unrouted"]
    return found


def _queries(connection: Connection, from_us: int) -> list[Select[Any]]:
    # A partition that holds nothing of that time is not opened.
    low = first_number(connection, from_us) if from_us else 0
    routed = case((events.c.routed, "routed"), else_="unrouted")
    came = select(literal(""), routed, func.count()).where(events.c.seq >= low, events.c.received_at >= from_us)
    queries = [came.group_by(events.c.routed), _ended(from_us)]
    for table in (deliveries, history):
        way = case((table.c.replay_of.is_(None), "routed"), else_="replayed")
        begun = select(table.c.pipeline, way, func.count()).where(table.c.created_at >= from_us)
        queries.append(begun.group_by(table.c.pipeline, table.c.replay_of.is_(None)))
    return queries


def _ended(from_us: int) -> Select[Any]:
    ended = select(history.c.pipeline, history.c.state, func.count()).where(history.c.finished_at >= from_us)
    return ended.group_by(history.c.pipeline, history.c.state)


def _unfinished(connection: Connection) -> Counted:
    states = select(deliveries.c.pipeline, deliveries.c.state, func.count()).group_by(
        deliveries.c.pipeline, deliveries.c.state
    )
    return {(pipeline, state): int(number) for pipeline, state, number in connection.execute(states)}
