# ruff: noqa: S608 - names of our own tables, no values
"""PostgreSQL's partitions: a day of events, deliveries and attempts is made ahead of its time and dropped as a whole.

Beside them each table has a `_rest`: it takes what belongs to no partition, such as an event of a dropped day that is still
needed, so that nothing is ever refused for want of one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from engine.storage.dialect import hold_others_off
from engine.storage.instants import EPOCH, SECOND_US
from engine.storage.numbers import day_of, first_of

AHEAD_DAYS = 3
DAY_US = 86_400 * SECOND_US


@dataclass(frozen=True, slots=True)
class Partitioned:
    """A table in ranges of `key`: numbers of arrival, or instants."""

    table: str
    key: str
    days: int = 1
    instants: bool = False

    def start(self, day: date) -> date:
        """The first day of the partition that `day` lies in."""
        return day - timedelta(days=day.toordinal() % self.days)

    def name(self, day: date) -> str:
        return f"{self.table}_{self.start(day):%Y%m%d}"

    def range(self, day: date) -> tuple[int, int]:
        """The keys of that partition: from, and up to without."""
        start = self.start(day)
        return self._first(start), self._first(start + timedelta(days=self.days))

    def _first(self, day: date) -> int:
        return (day - EPOCH.date()).days * DAY_US if self.instants else first_of(day)

    def day(self, name: str) -> date | None:
        """The first day of the partition of that name; None for what is none."""
        digits = name.removeprefix(f"{self.table}_")
        if name == digits or len(digits) != 8 or not digits.isdigit():
            return None
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))


EVENTS = Partitioned("events", "seq")
HISTORY = Partitioned("history", "id")
ATTEMPTS = Partitioned("attempts", "delivery_id")
# People look by value over all of it: few partitions, so few to look into.
SEARCH_KEYS = Partitioned("search_keys", "event_seq", days=10)
REPLIES = Partitioned("replies", "at", instants=True)
ALL = (EVENTS, HISTORY, ATTEMPTS, SEARCH_KEYS, REPLIES)


def ready_for(connection: Connection, at_us: int) -> None:
    """Makes today's partitions where nobody did ahead of time. A store in one file has none.

    Never fails a write: while somebody holds the table, today's rows go to `_rest`.
    """
    if connection.dialect.name != "postgresql":
        return
    day = day_of(at_us)
    known: set[date] = connection.info.setdefault("days", set())
    if day in known:
        return
    if all(_exists(connection, kind.name(day)) for kind in ALL):
        known.add(day)
        return
    try:
        with connection.begin_nested():
            connection.execute(text("SET LOCAL lock_timeout = '300ms'"))
            make(connection, day)
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
    connection.execute(text("SET LOCAL lock_timeout TO DEFAULT"))


def make_ahead(connection: Connection, at_us: int) -> None:
    """Makes the partitions of today and the next days."""
    for ahead in range(AHEAD_DAYS + 1):
        make(connection, day_of(at_us) + timedelta(days=ahead))


def make(connection: Connection, day: date) -> None:
    """Makes the partitions of one day, once, whoever else is at it."""
    hold_others_off(connection, "partitions")
    for kind in ALL:
        if not _exists(connection, kind.name(day)):
            _make(connection, kind, day)


def _make(connection: Connection, kind: Partitioned, day: date) -> None:
    low, high = kind.range(day)
    taken = text(f"SELECT 1 FROM {kind.table}_rest WHERE {kind.key} >= :low AND {kind.key} < :high LIMIT 1")
    if connection.execute(taken, {"low": low, "high": high}).first():
        return  # a day that went, or one whose rows could not wait: it stays where it is
    name = kind.name(day)
    # Made beside the table and attached: unlike PARTITION OF it lets others read and write meanwhile.
    connection.exec_driver_sql(f"CREATE TABLE {name} (LIKE {kind.table} INCLUDING ALL)")
    connection.exec_driver_sql(f"ALTER TABLE {kind.table} ATTACH PARTITION {name} FOR VALUES FROM ({low}) TO ({high})")


def existing(connection: Connection, kind: Partitioned) -> Iterator[date]:
    """The first days of its partitions, oldest first."""
    asked = text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = to_regclass(:name)")
    names = connection.execute(asked, {"name": kind.table}).scalars().all()
    return iter(sorted(day for name in names if (day := kind.day(name)) is not None))


def _exists(connection: Connection, name: str) -> bool:
    return connection.execute(text("SELECT to_regclass(:name)"), {"name": name}).scalar() is not None
