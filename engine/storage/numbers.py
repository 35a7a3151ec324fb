# ruff: noqa: S608 - names of our own tables, no values
"""Numbers of arrival. On PostgreSQL they begin with the day, `YYMMDD` and ten digits.

All that belongs to an event carries the event's day in its number (its deliveries too, replays as well), so that whatever is
asked by number concerns one partition of each table, and a day is dropped as a whole. A file numbers from 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Connection, Table, text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from engine.storage.encoding import LARGEST
from engine.storage.instants import EPOCH, instant
from engine.storage.prepared import Prepared

A_DAY = 10**10

_GIVEN = Prepared(text("SELECT name, seq FROM sqlite_sequence"))


def day_of(at_us: int) -> date:
    """The day of an instant, UTC."""
    return instant(at_us).date()


def first_of(day: date) -> int:
    """The first number of a day. Years count from 2000, so that they stay below 2^53 for every reader of JSON."""
    return ((day.year - 2000) * 10_000 + day.month * 100 + day.day) * A_DAY


def day_of_number(number: int) -> date:
    """The day a number belongs to; the first of all for one that never was given."""
    head = number // A_DAY
    try:
        return date(2000 + head // 10_000, head // 100 % 100, head % 100)
    except ValueError:
        return EPOCH.date()


def new_numbers(connection: Connection, wanted: Iterable[tuple[Table, int]], day: date) -> list[list[int]]:
    """For each table so many numbers that it never gave a row and never will another; ascending.

    Fetched first, so that rows go in by `executemany` and those that refer to them need not wait for each.
    """
    if connection.dialect.name == "postgresql":
        return _from_sequences(connection, list(wanted), first_of(day))
    # The writer holds the file's write lock from BEGIN IMMEDIATE on; the rows themselves move the counter.
    given: dict[str, int] = {row.name: row.seq for row in _GIVEN.rows(connection, {})}
    return [list(range((last := given.get(table.name, 0)) + 1, last + count + 1)) for table, count in wanted]


def _from_sequences(connection: Connection, wanted: list[tuple[Table, int]], first: int) -> list[list[int]]:
    asked = _next_of(tuple(f"{table.name}_{table.primary_key.columns.values()[0].name}_seq" for table, _ in wanted))
    found: list[list[int]] = [[] for _ in wanted]
    for row in asked.rows(connection, {f"count_{index}": count for index, (_, count) in enumerate(wanted)}):
        found[row.which].append(first + row.number)
    return [sorted(numbers) for numbers in found]


@cache
def _next_of(sequences: tuple[str, ...]) -> Prepared:
    asked = [
        f"SELECT {index} AS which, nextval('{name}') AS number FROM generate_series(1, CAST(:count_{index} AS BIGINT))"
        for index, name in enumerate(sequences)
    ]
    return Prepared(text(" UNION ALL ".join(asked)))


def bounds(connection: Connection, numbers: Iterable[int]) -> dict[str, int]:
    """`low` and `high` of the days these numbers lie in, so that PostgreSQL opens the partitions of those days only."""
    if connection.dialect.name != "postgresql":
        return {"low": 0, "high": LARGEST}
    known = list(numbers)
    if not known:
        return {"low": 0, "high": 0}
    return {"low": min(known) // A_DAY * A_DAY, "high": (max(known) // A_DAY + 1) * A_DAY}


def by_day(numbers: Iterable[int]) -> dict[int, list[int]]:
    """The numbers of each day, by the first number of that day."""
    days: dict[int, list[int]] = {}
    for number in numbers:
        days.setdefault(number // A_DAY * A_DAY, []).append(number)
    return days


def since(connection: Connection, at_us: int) -> int:
    """No number of what arrived at `at_us` or later is less."""
    if connection.dialect.name != "postgresql":
        return 0
    return first_of(day_of(at_us) - timedelta(days=1))


BACK_DAYS = (2, 9, 30)


def windows(connection: Connection, low: int, below: int, now_us: int) -> Iterator[tuple[int, int]]:
    """The range in parts, the latest first: a few days, some more, then all the rest. A file takes it whole."""
    if connection.dialect.name == "postgresql":
        newest = day_of(now_us) if below == LARGEST else day_of_number(below)
        for back in BACK_DAYS:
            start = first_of(newest - timedelta(days=back - 1))
            if low < start < below:
                yield start, below
                below = start
    if low < below:
        yield low, below


class same_day(FunctionElement[bool]):
    """`same_day(number, of)`: true of all that belongs to one event; PostgreSQL opens one partition for it."""

    inherit_cache = True


@compiles(same_day, "sqlite")
def _sqlite_same_day(_element: Any, _compiler: Any, **_more: Any) -> str:
    return "1"


@compiles(same_day, "postgresql")
def _postgresql_same_day(element: Any, compiler: Any, **more: Any) -> str:
    number, of = (compiler.process(clause, **more) for clause in element.clauses)
    return f"({number} >= {of} / {A_DAY} * {A_DAY} AND {number} < ({of} / {A_DAY} + 1) * {A_DAY})"
