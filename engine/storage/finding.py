"""Which events a person means: a page of them, newest first, or one.

A page is read along the index of whatever narrows it most, newest first, and ends when it is full, so that neither its depth
nor the size of the history makes it slower.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, exists, literal, or_, select, union_all
from sqlalchemy.sql.expression import ColumnElement

from engine.delivery import FINAL
from engine.errors import WrongUse
from engine.storage.encoding import LARGEST, storable
from engine.storage.identity import days_of_guess, days_of_id
from engine.storage.instants import SECOND_US, micros
from engine.storage.numbers import A_DAY, same_day, since, windows
from engine.storage.protocol import EventFilter
from engine.storage.tables import DELIVERED, FAILED, deliveries, events, history, search_keys

PREFIX_MIN = 4
DISORDER_US = 60 * SECOND_US  # by how much numbers of arrival and instants of receipt may disagree
_LAST = "\U0010ffff"
Seq = ColumnElement[int]
Condition = Callable[[Seq], ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class _Range:
    """The numbers a page may hold: from `low`, below `below`."""

    low: int
    below: int

    def holds(self, seq: Seq) -> ColumnElement[bool]:
        return (seq >= self.low) & (seq < self.below)

    def days_of(self, number: Seq) -> ColumnElement[bool]:
        """That a delivery's number lies in the days of these events."""
        return (number >= self.low // A_DAY * A_DAY) & (number < min(LARGEST, (self.below // A_DAY + 1) * A_DAY))


def page(connection: Connection, wanted: EventFilter, now_us: int, below: int | None = None) -> list[int]:
    """Numbers of arrival, newest first, at most `limit`; those below `below`, where it is given, in place of `before`.

    On PostgreSQL it goes back over few days first: each partition that a query might concern costs before it is looked into.
    """
    found: list[int] = []
    low = _since(connection, wanted)
    below = _before(connection, wanted) if below is None else below
    for start, end in windows(connection, low, below, now_us):
        found += _part(connection, wanted, _Range(start, end), wanted.limit - len(found))
        if len(found) >= wanted.limit:
            break
    return found


def _part(connection: Connection, wanted: EventFilter, within: _Range, limit: int) -> list[int]:
    parts = [one.where(within.holds(_seq(one))) for one in _narrowest(connection, wanted, within)]
    limited = [one.distinct().order_by(_seq(one).desc()).limit(limit) for one in parts]
    if len(limited) == 1:
        return list(connection.execute(limited[0]).scalars())
    found = union_all(*(select(one.subquery().c.seq) for one in limited)).subquery().c.seq
    return list(connection.execute(select(found).distinct().order_by(found.desc()).limit(limit)).scalars())


def _seq(query: Select[Any]) -> Seq:
    """The column a query's numbers come from."""
    column: Seq = query.selected_columns[0].element
    return column


def _before(connection: Connection, wanted: EventFilter) -> int:
    if wanted.before is None:
        return LARGEST
    seq = connection.execute(_by_id(connection, wanted.before)).scalar()
    if seq is None:
        raise WrongUse(
            f"there is no event {wanted.before} to begin the page after: it may have gone with `keep.finished`"
        )
    return int(seq)


def _since(connection: Connection, wanted: EventFilter) -> int:
    """A number that all of the time asked for are at least."""
    if wanted.since is None:
        return 0
    at_us = micros(wanted.since) - DISORDER_US
    came = events.c.received_at
    first = select(events.c.seq).where(came >= at_us, events.c.seq >= since(connection, at_us)).order_by(came).limit(20)
    return min(connection.execute(first).scalars(), default=LARGEST)


def _narrowest(connection: Connection, wanted: EventFilter, within: _Range) -> list[Select[Any]]:
    """Queries whose numbers together are the page; each runs along the index that leaves least."""
    conditions = _conditions(wanted, within)
    if wanted.find is not None:
        text = storable(wanted.find)
        by_value = _of(search_keys.c.event_seq).where(search_keys.c.value == text)
        by_id = _of(events.c.seq).where(events.c.id == text, days_of_guess(connection, text))
        return [_that(query, conditions) for query in (by_value, by_id)]
    if "delivery" in conditions:
        del conditions["delivery"]
        queries = [_that(query, conditions) for query in _with_delivery(wanted)]
        ended = within.days_of(history.c.id)
        return [one.where(ended) if _seq(one).table is history else one for one in queries]
    query = _of(events.c.seq)
    if wanted.state == "unrouted":
        query = query.where(~events.c.routed)
    if wanted.event_type is not None:
        query = query.where(events.c.event_type == wanted.event_type)
    if wanted.since is not None:
        query = query.where(events.c.received_at >= micros(wanted.since))
    return [query]


def _of(column: Seq) -> Select[Any]:
    return select(column.label("seq"))


def _that(query: Select[Any], conditions: dict[str, Condition]) -> Select[Any]:
    return query.where(*(condition(_seq(query)) for condition in conditions.values()))


def _conditions(wanted: EventFilter, within: _Range) -> dict[str, Condition]:
    """What is asked of an event, by its number."""
    found: dict[str, Condition] = {}
    own = events.alias("e")
    told: list[ColumnElement[bool]] = []
    if wanted.event_type is not None:
        told.append(own.c.event_type == wanted.event_type)
    if wanted.since is not None:
        told.append(own.c.received_at >= micros(wanted.since))
    if wanted.state == "unrouted":
        told.append(~own.c.routed)
    if told:
        found["event"] = lambda seq: exists(select(literal(1)).where(own.c.seq == seq, within.holds(own.c.seq), *told))
    if (wanted.state not in {None, "unrouted"}) or wanted.pipeline is not None:
        found["delivery"] = lambda seq: or_(*(_has(seq, query, within) for query in _with_delivery(wanted, named=True)))
    return found


def _has(seq: Seq, query: Select[Any], within: _Range) -> ColumnElement[bool]:
    owned = query.where(_seq(query) == seq)
    table: Any = _seq(query).table
    if table.name == "h":
        owned = owned.where(same_day(table.c.id, seq), within.days_of(table.c.id))
    return exists(owned)


def _with_delivery(wanted: EventFilter, *, named: bool = False) -> list[Select[Any]]:
    """Events that have a delivery in this state, of this pipeline."""
    state, pipeline = wanted.state, wanted.pipeline
    if state == "unrouted":
        state = None
    queries: list[Select[Any]] = []
    if state is None or state not in FINAL:
        queries.append(_delivered(deliveries.alias("u") if named else deliveries, state, pipeline))
    if state is None or state in FINAL:
        queries.append(_delivered(history.alias("h") if named else history, state, pipeline))
    return queries


def _delivered(table: Any, state: str | None, pipeline: str | None) -> Select[Any]:
    columns = table.c
    query = _of(columns.event_seq)
    if state is not None:
        # Spelled as the partial indexes have it, which a bound value would not match.
        query = query.where(columns.state == (FAILED if state == "failed" else state))
    if state in {"failed", "skipped", "superseded"}:
        query = query.where(columns.state != DELIVERED)
    return query if pipeline is None else query.where(columns.pipeline == pipeline)


def _by_id(connection: Connection, event_id: str) -> Select[Any]:
    return select(events.c.seq).where(events.c.id == event_id, days_of_id(connection, event_id))


def seq_of_id(connection: Connection, event_id: str) -> int | None:
    """The number of the event with exactly this id."""
    found = connection.execute(_by_id(connection, event_id)).scalar()
    return None if found is None else int(found)


def seq_of(connection: Connection, wanted: str) -> int | None:
    """One event: by its id, i_event, the number of one of its deliveries (also `#12`), or a unique beginning of its id.

    Of several events with one i_event, the newest.
    """
    wanted = storable(wanted.strip())
    number = wanted.removeprefix("#")
    if not wanted.startswith("#"):
        named = search_keys.c
        newest = (
            select(named.event_seq)
            .where(named.value == wanted, named.name == "i_event")
            .order_by(named.event_seq.desc())
            .limit(1)
        )
        exactly = select(events.c.seq).where(events.c.id == wanted, days_of_guess(connection, wanted))
        for query in (exactly, newest):
            seq = connection.execute(query).scalar()
            if seq is not None:
                return int(seq)
    if number.isascii() and number.isdigit() and int(number) <= LARGEST:
        for columns in (deliveries.c, history.c):
            seq = connection.execute(select(columns.event_seq).where(columns.id == int(number))).scalar()
            if seq is not None:
                return int(seq)
    return _by_beginning(connection, wanted)


def _by_beginning(connection: Connection, wanted: str) -> int | None:
    if len(wanted) < PREFIX_MIN:
        return None
    begins = (
        select(events.c.seq)
        .where(events.c.id >= wanted, events.c.id < wanted + _LAST, days_of_guess(connection, wanted))
        .limit(2)
    )
    seqs = list(connection.execute(begins).scalars())
    return int(seqs[0]) if len(seqs) == 1 else None
