"""The sweep's looks: what is due, was forgotten, or is held by a process that died."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, Select, Text, bindparam, case, func, insert, or_, select, true, update

from engine.delivery import State
from engine.storage.area import Area
from engine.storage.claiming import MAY_START
from engine.storage.dialect import among, chosen, listed
from engine.storage.instants import micros
from engine.storage.moving import Moved, move
from engine.storage.owners import living, no_beat_ahead_of, owner_alive
from engine.storage.prepared import Prepared
from engine.storage.protocol import Look
from engine.storage.rows import FIRST_LOOK_US, LONGEST_LOOK_US, RUNNING_AGAIN_US
from engine.storage.tables import RUNNING, WAITING, attempts, deliveries

d = deliveries.c
BATCH = 1000
ROUNDS = 50
CRASHES_ALONE = 3
# What a sender is told whose repeat waited for the attempt that died: nobody knows its outcome, repeat it.
INTERRUPTED = '{"kind":"failed","fault":"lost"}'

_come = (
    select(d.id)
    .where(d.look_at <= bindparam("now", type_=BigInteger()))
    .order_by(d.look_at)
    .limit(bindparam("batch", type_=BigInteger()))
    .with_for_update(skip_locked=True)
)
_rows = select(
    d.id,
    d.pipeline,
    d.state,
    d.owner,
    d.fence,
    d.crashes,
    d.suspect,
    d.policy_off,
    d.look_step,
    MAY_START.label("free"),
)
COME = _rows.where(chosen(d.id, _come))
COME_PROCESSED = _rows.where(chosen(d.id, _come.where(d.policy_off)))
COME_BESIDES = _rows.where(chosen(d.id, _come.where((d.state == RUNNING) | ~among(d.pipeline, "besides"))))
LOOKED = Prepared(
    update(deliveries)
    .where(among(d.id, "ids"))
    .values(look_at=bindparam("next_look", type_=BigInteger()), look_step=bindparam("step", type_=BigInteger()))
)


MOST_HINTS = 10_000  # a process does not hold many more
_hinted = (
    select(d.id)
    .where(
        d.look_at > bindparam("at", type_=BigInteger()),
        d.due_at <= bindparam("at", type_=BigInteger()),
        d.state == WAITING,
        ~d.policy_off,
        MAY_START,
    )
    .order_by(d.look_at.desc())
    .limit(MOST_HINTS)
    .with_for_update(skip_locked=True)
)
FORGOTTEN = (
    update(deliveries)
    .where(chosen(d.id, _hinted))
    .values(look_at=bindparam("at", type_=BigInteger()), look_step=FIRST_LOOK_US)
)


# Written by a clock that was ahead: the attempt before, or the receipt, would be yet to come.
_written_at = func.coalesce(d.previous_ended_at, d.due_at)
_ahead = (
    select(d.id)
    .where(d.state == WAITING, d.due_at > bindparam("at", type_=BigInteger()), _written_at > bindparam("at"))
    .with_for_update(skip_locked=True)
)
_as_long_as_meant = bindparam("at", type_=BigInteger()) + d.due_at - _written_at
BACK = (
    update(deliveries)
    .where(chosen(d.id, _ahead))
    .values(
        due_at=_as_long_as_meant,
        look_at=_as_long_as_meant,
        look_step=FIRST_LOOK_US,
        previous_ended_at=case((d.previous_ended_at.is_not(None), bindparam("at", type_=BigInteger()))),
    )
)
_unseen = (
    select(d.id)
    .where(
        d.look_at > bindparam("latest", type_=BigInteger()),
        or_(d.state == RUNNING, d.due_at <= bindparam("at", type_=BigInteger())),
        ~d.policy_off,
    )
    .with_for_update(skip_locked=True)
)
SEEN = update(deliveries).where(chosen(d.id, _unseen)).values(look_at=bindparam("at"), look_step=FIRST_LOOK_US)


class SweepArea(Area):
    async def look(
        self, now: datetime, limit: int, processed_only: bool = False, besides: Sequence[str] = ()
    ) -> list[Look]:
        """Rows whose `look_at` has come; moves it (5 s, doubling to a minute; a suspect's always 5 s) so that no other
        sweep looks too. `processed_only`: those of processed answers, which is all that a receiver without a worker looks after.
        `besides`: waiting ones of these pipelines are left for a later look, or another process's.

        Rows that could not start, for they are not first in their lane, and running ones whose owner lives are passed
        over, a batch at a time: a backlog of blocked lanes does not stand in the way of a new one.
        """
        come = _come_of(processed_only, besides)
        return await self._write(lambda connection: look(connection, now, limit, *come))

    async def forget_hints(self, now: datetime) -> int:
        """What could start now is looked at next, however lately it was: those who were told of it are gone. Returns how
        many."""
        return await self._write(lambda connection: connection.execute(FORGOTTEN, {"at": micros(now)}).rowcount)

    async def set_back(self, now: datetime) -> None:
        """The clock was ahead: what was written then to wait or to be looked at, waits as long as was meant, from now; and a
        process that beat then and is dead is not taken for alive until that time comes."""
        await self._write(lambda connection: _set_back(connection, micros(now)))

    async def release_stalled(self, look: Look, now: datetime) -> State | None:
        """A running delivery whose owner is dead waits again as a suspect, with an attempt "outcome unknown"; after a crash
        alone, 5 s. The third of these makes it `failed`; a processed one is `failed: interrupted`. None when it moved
        meanwhile."""
        return await self._write(lambda connection: release(connection, look, now))


def _set_back(connection: Connection, now_us: int) -> None:
    connection.execute(BACK, {"at": now_us})
    connection.execute(SEEN, {"at": now_us, "latest": now_us + LONGEST_LOOK_US})
    no_beat_ahead_of(connection, now_us)


def _come_of(processed_only: bool, besides: Sequence[str]) -> tuple[Select[Any], dict[str, Any]]:
    if processed_only:
        return COME_PROCESSED, {}
    return (COME_BESIDES, {"besides": listed(besides)}) if besides else (COME, {})


def look(connection: Connection, now: datetime, limit: int, come: Select[Any], values: Mapping[str, Any]) -> list[Look]:
    """At most `limit` looks, from at most 50 batches of the rows that `come` selects."""
    alive = living(connection, now)
    found: list[Look] = []
    for _ in range(ROUNDS):
        batch = min(BATCH, limit - len(found)) if found else BATCH
        rows = connection.execute(come, {**values, "now": micros(now), "batch": min(batch, BATCH)}).all()
        looks = [_look(row, alive) for row in rows]
        wanted = [
            one
            for row, one in zip(rows, looks, strict=True)
            if one.stalled or (row.state == "waiting" and (row.free or row.policy_off))
        ]
        taken = {one.delivery_id for one in wanted[: limit - len(found)]}
        left = {one.delivery_id for one in wanted} - taken
        _look_later(connection, [row for row in rows if row.id not in left], micros(now))
        found += [one for one in wanted if one.delivery_id in taken]
        if len(found) >= limit or len(rows) < batch or left:
            break
    return found


def _look(row: Any, alive: set[str]) -> Look:
    return Look(
        delivery_id=row.id,
        pipeline=row.pipeline,
        state=row.state,
        owner=row.owner,
        fence=row.fence,
        crashes=row.crashes,
        suspect=row.suspect,
        stalled=row.state == "running" and row.owner not in alive,
        policy_off=row.policy_off,
    )


def _look_later(connection: Connection, rows: Sequence[Any], now_us: int) -> None:
    """Moves the looks of these rows, all that are looked at alike in one statement."""
    alike: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for row in rows:
        alike[_next_look(row, now_us)].append(row.id)
    for (next_look, step), ids in sorted(alike.items()):
        LOOKED.run(connection, {"ids": listed(ids), "next_look": next_look, "step": step})


def _next_look(row: Any, now_us: int) -> tuple[int, int]:
    """When to look next, and the step after that. A running row as often as hearts beat, so that a death is not noticed a
    whole look late; a waiting one ever less often; a suspect soon, for no message tells of it: only the process that looked
    knows of it, which it may kill.
    """
    if row.state == "running":
        return now_us + RUNNING_AGAIN_US, FIRST_LOOK_US
    if row.suspect:
        return now_us + FIRST_LOOK_US, FIRST_LOOK_US
    return now_us + row.look_step, min(2 * row.look_step, LONGEST_LOOK_US)


AGAIN = (
    update(deliveries)
    .where(d.id == bindparam("of_id", type_=BigInteger()))
    .values(
        state=WAITING,
        owner=None,
        due_at=bindparam("due", type_=BigInteger()),
        look_at=bindparam("look", type_=BigInteger()),
        look_step=FIRST_LOOK_US,
        crashes=bindparam("crashed", type_=BigInteger()),
        suspect=true(),
        reason=bindparam("why", type_=Text()),
        previous_ended_at=bindparam("now", type_=BigInteger()),
    )
)
STALLED = (
    select(d.id, d.pipeline, d.owner, d.fence, d.attempts, d.crashes, d.suspect, d.policy_off, d.started_at)
    .where(
        d.id == bindparam("of_id", type_=BigInteger()),
        d.fence == bindparam("of_fence", type_=BigInteger()),
        d.state == RUNNING,
    )
    .with_for_update()
)


def release(connection: Connection, look: Look, now: datetime) -> State | None:
    """See `SweepArea.release_stalled`."""
    row = connection.execute(STALLED, {"of_id": look.delivery_id, "of_fence": look.fence}).one_or_none()
    if row is None or owner_alive(connection, row.owner, now):
        return None
    now_us = micros(now)
    reason = f"outcome unknown: process {row.owner} stopped while it was at it"
    connection.execute(insert(attempts), _attempt(row, reason, now_us))
    crashes = row.crashes + 1 if row.suspect else 0  # a crash with others in flight may be another's fault
    final = _final(row, crashes)
    if final is None:
        next_look = now_us + FIRST_LOOK_US
        # What kills a process soon after each start would else meet it in flight each time, and it would be blamed.
        due = next_look if crashes else now_us
        connection.execute(
            AGAIN, {"of_id": row.id, "now": now_us, "due": due, "look": next_look, "crashed": crashes, "why": reason}
        )
        return "waiting"
    ending = INTERRUPTED if row.policy_off else None
    move(connection, [Moved(id=row.id, pipeline=row.pipeline, state="failed", reason=final, ending=ending)], now_us)
    return "failed"


def _final(row: Any, crashes: int) -> str | None:
    if row.policy_off:
        return (
            f"interrupted: process {row.owner} stopped while the sender waited; the sender's repeat attempts it again"
        )
    if crashes >= CRASHES_ALONE:
        return f"set aside: {CRASHES_ALONE} times the process that ran it, and nothing else, crashed"
    return None


def _attempt(row: Any, reason: str, now_us: int) -> dict[str, Any]:
    return {
        "delivery_id": row.id,
        "fence": row.fence,
        "number": row.attempts + 1,
        "started_at": row.started_at,
        "ended_at": now_us,
        "ending": "unknown",
        "reason": reason,
        "config_hash": "",
        "trace": b"{}",
    }
