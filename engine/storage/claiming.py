"""Claims: compare-and-set to `running`, at most one of a lane, the right one of it first.

`strict`: the first in (event time, i_event, arrival). `latest`: the last; its claim supersedes the others. Where a lane holds
both (its pipeline's mode was changed), the strict ones go first, so that neither waits for the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Connection,
    Text,
    and_,
    bindparam,
    exists,
    func,
    literal,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.expression import ColumnElement

from engine.errors import NspsError
from engine.event import Event
from engine.storage.dialect import DIALECTS, among, chosen, listed
from engine.storage.direct import savepoint
from engine.storage.encoding import name_set, steps_done
from engine.storage.instants import instant_or_none, micros
from engine.storage.moving import Moved, move
from engine.storage.numbers import since
from engine.storage.prepared import Prepared
from engine.storage.protocol import Claimed
from engine.storage.rows import RUNNING_LOOK_US, events_asked
from engine.storage.tables import DELIVERED, LATEST, NSPS, RUNNING, STRICT, WAITING, deliveries, history

d = deliveries.c
running_one = deliveries.alias("r")
other = deliveries.alias("w")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Ids one process would like to work on."""

    ids: Sequence[int]
    owner: str
    pipelines: Sequence[str]
    now: datetime
    alone: bool = False  # also suspects: nothing else runs in that process


def position(columns: Any) -> Any:
    """A delivery's place in its lane."""
    return tuple_(columns.pos_time, columns.pos_event, columns.id)


def _lane_free() -> ColumnElement[bool]:
    return ~exists(select(literal(1)).where(running_one.c.lane == d.lane, running_one.c.state == RUNNING))


def _another(*which: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists(select(literal(1)).where(other.c.lane == d.lane, other.c.state == WAITING, *which))


def _turn() -> ColumnElement[bool]:
    """That a waiting row is the one of its lane that may start."""
    earlier_strict = _another(other.c.mode == STRICT, position(other.c) < position(d))
    later_latest = _another(other.c.mode == LATEST, position(other.c) > position(d))
    return and_(~earlier_strict, or_(d.mode == STRICT, ~later_latest))


MAY_START = or_(d.lane.is_(None), and_(_lane_free(), _turn()))

_NOW = bindparam("now", type_=BigInteger())

# On PostgreSQL rows that another process is at are left to it: two that wait for each other's would never end.
_free = deliveries.alias("f")
_UNLOCKED = (
    select(_free.c.id)
    .where(among(_free.c.id, "ids"))  # no more: another condition would invite another index
    .order_by(_free.c.id)
    .with_for_update(skip_locked=True)
)


# Said so that no partial index seems to answer it: along that, a claim would walk through the whole backlog.
_WAITS = func.coalesce(d.state, "") == WAITING


def _claiming(dialect: str) -> Prepared:
    mine = among(d.id, "ids") if dialect == "sqlite" else chosen(d.id, _UNLOCKED)
    return Prepared(
        update(deliveries)
        .where(
            mine,
            _WAITS,
            d.due_at <= _NOW,
            among(d.pipeline, "pipelines"),
            or_(~d.suspect, bindparam("alone", type_=Boolean())),
            MAY_START,
        )
        .values(
            state=RUNNING,
            owner=bindparam("new_owner", type_=Text()),
            fence=d.fence + 1,
            started_at=_NOW,
            look_at=bindparam("later", type_=BigInteger()),
        )
        .returning(
            d.id,
            d.event_seq,
            d.source,
            d.pipeline,
            d.lane,
            d.mode,
            d.pos_time,
            d.pos_event,
            d.fence,
            d.attempts,
            d.crashes,
            d.suspect,
            d.policy_off,
            d.seed,
            d.previous_ended_at,
            d.progress,
            d.resend,
            d.assume_done,
        )
    )


CLAIM = {dialect: _claiming(dialect) for dialect in DIALECTS}

# The older ones of the lanes whose newest was just claimed.
_newest = deliveries.alias("n")
_OLDER = (
    select(other.c.id, other.c.pipeline, _newest.c.id.label("newest"))
    .join_from(_newest, other, other.c.lane == _newest.c.lane)
    .where(
        among(_newest.c.id, "ids"),
        among(other.c.lane, "lanes"),  # the same said twice: along that index
        other.c.state == WAITING,
        other.c.mode == LATEST,
        position(other.c) < position(_newest.c),
    )
)
OUTDONE = Prepared(_OLDER)
# Two claims that wait for each other would never end: what another looks at is superseded when the newest has ended.
OUTDONE_FREE = Prepared(_OLDER.with_for_update(of=other, skip_locked=True))

# Of an event that brought its data along, a later one of the same lane that was delivered before.
TOO_LATE = Prepared(
    select(d.id, d.pipeline, history.c.id.label("newest"))
    .join_from(deliveries, history, history.c.lane == d.lane)
    .where(
        among(d.id, "ids"),
        history.c.source == NSPS,
        history.c.state == DELIVERED,
        tuple_(history.c.pos_time, history.c.pos_event, history.c.id) > position(d),
        history.c.id >= bindparam("low", type_=BigInteger()),
    )
)


def claim_group(connection: Connection, wanted: Sequence[Wanted]) -> Sequence[list[Claimed] | NspsError]:
    """Claims what may start now, one request after another."""
    return [_claim(connection, one) for one in wanted]


def _claim(connection: Connection, wanted: Wanted) -> list[Claimed]:
    if not wanted.ids or not wanted.pipelines:
        return []
    rows = _try(connection, wanted, wanted.ids)
    if rows is None:  # one of them met another claim: the others need not suffer
        singles = [_try(connection, wanted, [one]) for one in dict.fromkeys(wanted.ids)]
        rows = [row for single in singles if single for row in single]
    events = events_asked(connection, sorted({row.event_seq for row in rows}))
    rows, outdone = _without_superseded(connection, rows, micros(wanted.now))
    found = events()
    return [_claimed(row, found, tuple(outdone.get(row.id, ()))) for row in rows]


def _try(connection: Connection, wanted: Wanted, ids: Sequence[int]) -> list[Any] | None:
    """The rows claimed; None when the unique index refused one of them."""
    now_us = micros(wanted.now)
    values = {
        "ids": listed(ids),
        "now": now_us,
        "pipelines": listed(wanted.pipelines),
        "new_owner": wanted.owner,
        "later": now_us + RUNNING_LOOK_US,
        "alone": wanted.alone,
    }
    try:
        with savepoint(connection):
            return list(CLAIM[connection.dialect.name].rows(connection, values))
    except IntegrityError:
        return None


def _without_superseded(
    connection: Connection, rows: list[Any], now_us: int
) -> tuple[list[Any], Mapping[int, Sequence[int]]]:
    """Ends what the claimed ones supersede, and those of the claimed that came too late. By claimed one: what is left of it."""
    latest = [row for row in rows if row.mode == "latest" and row.lane is not None]
    if not latest:
        return rows, {}
    outdone, left = _outdone(connection, latest)
    late: dict[int, Any] = {}
    enriched = [row.id for row in latest if row.source == "nsps"]
    if enriched:
        # An event's time is never ahead of its receipt, so a later one did not arrive on an earlier day.
        low = since(connection, min(row.pos_time for row in latest))
        late = {row.id: row for row in TOO_LATE.rows(connection, {"ids": listed(enriched), "low": low})}
    move(connection, [superseded(row.id, row.pipeline, row.newest) for row in (*outdone, *late.values())], now_us)
    return [row for row in rows if row.id not in late], left


def _outdone(connection: Connection, latest: Sequence[Any]) -> tuple[Sequence[Any], Mapping[int, Sequence[int]]]:
    """The older ones that end now; and by the newer one those that another claim holds in this moment."""
    values = {"ids": listed(row.id for row in latest), "lanes": listed(row.lane for row in latest)}
    there = OUTDONE.rows(connection, values)
    if not there:
        return (), {}
    free = OUTDONE_FREE.rows(connection, values)
    ended = {row.id for row in free}
    left: dict[int, list[int]] = {}
    for row in there:
        if row.id not in ended:
            left.setdefault(row.newest, []).append(row.id)
    return free, left


def superseded(delivery_id: int, pipeline: str, newest: int) -> Moved:
    """That a newer one of its lane took its place."""
    reason = f"a newer event of the same order key took its place (delivery {newest})"
    return Moved(id=delivery_id, pipeline=pipeline, state="superseded", reason=reason, superseded_by=newest)


def _claimed(row: Any, found: Mapping[int, Event], outdone: tuple[int, ...]) -> Claimed:
    return Claimed(
        delivery_id=row.id,
        fence=row.fence,
        event=found[row.event_seq],
        pipeline=row.pipeline,
        lane=row.lane,
        attempts=row.attempts,
        crashes=row.crashes,
        suspect=bool(row.suspect),
        policy_off=bool(row.policy_off),
        seed=row.seed,
        previous_ended_at=instant_or_none(row.previous_ended_at),
        done=steps_done(row.progress),
        resend=name_set(row.resend),
        assume_done=name_set(row.assume_done),
        outdone=outdone,
    )
