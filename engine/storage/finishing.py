"""An attempt ended: its row, the outcome and the next of the lane, many of them in one transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, Connection, Text, bindparam, false, select, update

from engine.errors import ClaimLost, NspsError
from engine.storage.bulk import LEFT_OUT, Rows
from engine.storage.claiming import MAY_START, superseded
from engine.storage.dialect import among, listed
from engine.storage.encoding import ending_json, merged, storable
from engine.storage.instants import micros
from engine.storage.intake import search_rows
from engine.storage.moving import Moved, move
from engine.storage.prepared import Prepared
from engine.storage.protocol import Finished
from engine.storage.rows import FIRST_LOOK_US
from engine.storage.tables import WAITING, attempts, deliveries, replies, search_keys

d = deliveries.c

HELD = Prepared(
    select(d.id, d.state, d.fence, d.event_seq, d.pipeline, d.lane, d.policy_off, d.progress)
    .where(among(d.id, "ids"))
    .with_for_update()
)

AGAIN = Prepared(
    update(deliveries)
    .where(d.id == bindparam("of_id", type_=BigInteger()))
    .values(
        state=WAITING,
        owner=None,
        due_at=bindparam("due", type_=BigInteger()),
        look_at=bindparam("due", type_=BigInteger()),
        look_step=FIRST_LOOK_US,
        attempts=d.attempts + bindparam("used", type_=BigInteger()),
        reason=bindparam("why", type_=Text()),
        progress=bindparam("steps", type_=Text()),
        previous_ended_at=bindparam("ended_at", type_=BigInteger()),
        suspect=false(),
        crashes=0,
    )
)

NEXT = Prepared(
    select(d.id, d.lane).where(
        among(d.lane, "lanes"),
        d.state == WAITING,
        d.due_at <= bindparam("now", type_=BigInteger()),
        MAY_START,
    )
)
# Those that the ended ones left behind when they were claimed. It waits for whoever looks at one, as HELD does.
STILL_WAITING = Prepared(
    select(d.id, d.pipeline).where(among(d.id, "ids"), d.state == WAITING).order_by(d.id).with_for_update()
)
ATTEMPT = Rows(attempts)
REPLY = Rows(replies)
SEARCHED = Rows(search_keys, LEFT_OUT)


def finish_group(connection: Connection, finished: Sequence[Finished]) -> Sequence[tuple[int, ...] | NspsError]:
    """Writes these outcomes; ClaimLost stands for each whose fence is another's."""
    rows = {row.id: row for row in HELD.rows(connection, {"ids": listed(one.delivery_id for one in finished)})}
    mine: dict[int, tuple[Finished, Any]] = {}
    lost: dict[int, ClaimLost] = {}
    for index, one in enumerate(finished):
        row = rows.get(one.delivery_id)
        if row is None or row.state != "running" or row.fence != one.fence or one.delivery_id in mine:
            lost[index] = claim_lost(one.delivery_id)
        else:
            mine[one.delivery_id] = (one, row)
    _write(connection, list(mine.values()))
    released = _next(connection, list(mine.values()))
    return [lost.get(index) or released.get(one.delivery_id, ()) for index, one in enumerate(finished)]


def claim_lost(delivery_id: int) -> ClaimLost:
    return ClaimLost(f"delivery {delivery_id} is no longer this process's: it was claimed again or given back")


def _write(connection: Connection, pairs: Sequence[tuple[Finished, Any]]) -> None:
    if not pairs:
        return
    AGAIN.run_many(connection, [_again(one, row) for one, row in pairs if one.outcome.state == "waiting"])
    ended = [pair for pair in pairs if pair[0].outcome.state != "waiting"]
    _end(connection, ended)
    _end_outdone(connection, [one for one, _ in ended])
    ATTEMPT.run_many(connection, [_attempt(one) for one, _ in pairs if _tried(one)])
    REPLY.run_many(connection, [_reply(one) for one, _ in pairs if one.replies])
    searched = [row for one, at in pairs for row in search_rows(at.event_seq, one.search)]
    SEARCHED.run_many(connection, searched)


def _end(connection: Connection, pairs: Sequence[tuple[Finished, Any]]) -> None:
    for one, row in pairs:
        if row.policy_off and one.outcome.ending.done:
            steps = merged(row.progress, one.outcome.ending.done)
            connection.execute(update(deliveries).where(d.id == one.delivery_id).values(progress=steps))
    moved = [
        Moved(
            id=one.delivery_id,
            pipeline=row.pipeline,
            state=one.outcome.state,
            reason=storable(one.outcome.reason),
            attempts_used=int(one.outcome.attempt_used),
            ending=ending_json(one.outcome.ending) if row.policy_off else None,
        )
        for one, row in pairs
    ]
    if moved:
        move(connection, moved, max(micros(one.ended_at) for one, _ in pairs))


def _end_outdone(connection: Connection, ended: Sequence[Finished]) -> None:
    """The older ones that could not be superseded when these were claimed: after these they never run."""
    newest = {older: one.delivery_id for one in ended for older in one.outdone}
    if not newest:
        return
    rows = STILL_WAITING.rows(connection, {"ids": listed(sorted(newest))})
    now_us = max(micros(one.ended_at) for one in ended)
    move(connection, [superseded(row.id, row.pipeline, newest[row.id]) for row in rows], now_us)


def _again(one: Finished, row: Any) -> dict[str, Any]:
    return {
        "of_id": one.delivery_id,
        "due": micros(one.outcome.due_at or one.ended_at),
        "used": int(one.outcome.attempt_used),
        "why": storable(one.outcome.reason),
        "steps": merged(row.progress, one.outcome.ending.done),
        "ended_at": micros(one.ended_at),
    }


def _tried(one: Finished) -> bool:
    """Whether the attempt is history: a wait before the first call is not, hours of it would only be noise."""
    return one.outcome.attempt_used or any(step.calls for step in one.outcome.ending.trace.steps)


def _attempt(one: Finished) -> dict[str, Any]:
    return {
        "delivery_id": one.delivery_id,
        "fence": one.fence,
        "number": one.number,
        "started_at": micros(one.started_at),
        "ended_at": micros(one.ended_at),
        "ending": one.outcome.ending.kind,
        "reason": storable(one.outcome.reason),
        "config_hash": one.config_hash,
        "trace": one.trace,
    }


def _reply(one: Finished) -> dict[str, Any]:
    return {"delivery_id": one.delivery_id, "fence": one.fence, "at": micros(one.ended_at), "body": one.replies}


def _next(connection: Connection, pairs: Sequence[tuple[Finished, Any]]) -> Mapping[int, tuple[int, ...]]:
    """By finished delivery: those of its lane that may start now."""
    lanes = {row.lane for _, row in pairs if row.lane is not None}
    if not lanes:
        return {}
    now_us = max(micros(one.ended_at) for one, _ in pairs)
    found: defaultdict[str, list[int]] = defaultdict(list)
    for row in NEXT.rows(connection, {"lanes": listed(lanes), "now": now_us}):
        found[row.lane].append(row.id)
    return {one.delivery_id: tuple(found.get(row.lane, ())) for one, row in pairs if row.lane is not None}
