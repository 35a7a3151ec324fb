"""What an attempt makes durable as it goes: finished steps, and the notes of `once` calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import BigInteger, Connection, Text, bindparam, delete, func, insert, or_, select, update

from engine.delivery import OnceKey, OnceNote, StepDone
from engine.errors import ClaimLost, NspsError
from engine.storage.area import Area
from engine.storage.dialect import among, listed
from engine.storage.encoding import from_json, step_line, storable, to_json
from engine.storage.finishing import claim_lost
from engine.storage.instants import instant, micros
from engine.storage.owners import owner_alive
from engine.storage.prepared import Prepared
from engine.storage.tables import deliveries, once

d = deliveries.c
HOLDERS = Prepared(select(d.id, d.state, d.fence, d.owner).where(among(d.id, "ids")).with_for_update())
KEEP = Prepared(
    update(deliveries)
    .where(d.id == bindparam("of_id", type_=BigInteger()))
    .values(progress=func.coalesce(d.progress, "") + bindparam("line", type_=Text()))
)


@dataclass(frozen=True, slots=True)
class Kept:
    """A step that one holder finished."""

    delivery_id: int
    fence: int
    step: StepDone


@dataclass(frozen=True, slots=True)
class Intent:
    """A `once` call that is about to be sent."""

    once: OnceKey
    delivery_id: int
    fence: int
    now: datetime


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a `once` call."""

    once: OnceKey
    delivery_id: int
    state: Literal["done", "dropped", "unknown"]
    result: Any
    now: datetime


class ProgressArea(Area):
    async def keep_done(self, delivery_id: int, fence: int, step: StepDone) -> None:
        """Makes a finished step durable. Raises ClaimLost, StoreUnavailable."""
        await self._committer.write(keep_group, Kept(delivery_id, fence, step))

    async def intend(self, once: OnceKey, delivery_id: int, fence: int, now: datetime) -> OnceNote:
        """Notes that the call is about to be sent, if it never was: `mine`. Else says how it stands.

        `busy`: another delivery is at it and its process lives. An intent that nobody settled, of a process that died or
        of an earlier attempt, is `unknown`: a person decides. Raises ClaimLost, StoreUnavailable.
        """
        return await self._committer.write(intend_group, Intent(once, delivery_id, fence, now))

    async def settle(
        self, once: OnceKey, delivery_id: int, state: Literal["done", "dropped", "unknown"], result: Any, now: datetime
    ) -> None:
        """Writes what became of it. `dropped` removes the note, so that it may be sent again."""
        await self._committer.write(settle_group, Settled(once, delivery_id, state, result, now))


def keep_group(connection: Connection, kept: Sequence[Kept]) -> Sequence[NspsError | None]:
    """Adds lines to the progress of deliveries that are still their holders'."""
    holders = _holders(connection, [one.delivery_id for one in kept])
    mine = [holders.get(one.delivery_id, (None, None))[0] == one.fence for one in kept]
    lines = [
        {"of_id": one.delivery_id, "line": step_line(one.step)} for one, held in zip(kept, mine, strict=True) if held
    ]
    KEEP.run_many(connection, lines)
    return [None if held else claim_lost(one.delivery_id) for one, held in zip(kept, mine, strict=True)]


def _holders(connection: Connection, ids: Sequence[int]) -> dict[int, tuple[int | None, str | None]]:
    rows = HOLDERS.rows(connection, {"ids": listed(ids)})
    return {row.id: (row.fence, row.owner) for row in rows if row.state == "running"}


def intend_group(connection: Connection, intents: Sequence[Intent]) -> Sequence[OnceNote | NspsError]:
    return [_intend(connection, one) for one in intents]


def _intend(connection: Connection, intent: Intent) -> OnceNote | ClaimLost:
    if _holders(connection, [intent.delivery_id]).get(intent.delivery_id, (None, None))[0] != intent.fence:
        return claim_lost(intent.delivery_id)
    row = connection.execute(select(once).where(*_is(intent.once)).with_for_update()).one_or_none()
    if row is None:
        connection.execute(insert(once), _row(intent.once, intent, "intended"))
        return OnceNote(state="mine", delivery_id=intent.delivery_id, at=intent.now)
    if row.state == "intended" and _abandoned(connection, row, intent):
        connection.execute(update(once).where(*_is(intent.once)).values(state="unknown"))
        return _note(row, "unknown")
    return _note(row, "busy" if row.state == "intended" else row.state)


def _abandoned(connection: Connection, row: Any, intent: Intent) -> bool:
    """Whether nobody is at the intended call any more: its holder ended, died, or is an earlier attempt of ours."""
    if row.delivery_id == intent.delivery_id:
        return True
    fence, owner = _holders(connection, [row.delivery_id]).get(row.delivery_id, (None, None))
    return fence != row.fence or not owner_alive(connection, owner, intent.now)


def _note(row: Any, state: Literal["mine", "done", "busy", "unknown"]) -> OnceNote:
    result = None if row.result is None else from_json(row.result)
    return OnceNote(state=state, delivery_id=row.delivery_id, at=instant(row.at), result=result)


def _is(key: OnceKey) -> tuple[Any, ...]:
    return (once.c.pipeline == key.pipeline, once.c.step == key.step, once.c.key == storable(key.key))


def _row(key: OnceKey, intent: Intent, state: str) -> dict[str, Any]:
    return {
        "pipeline": key.pipeline,
        "step": key.step,
        "key": storable(key.key),
        "state": state,
        "delivery_id": intent.delivery_id,
        "fence": intent.fence,
        "at": micros(intent.now),
        "result": None,
    }


def settle_group(connection: Connection, settled: Sequence[Settled]) -> Sequence[NspsError | None]:
    for one in settled:
        _settle(connection, one)
    return [None] * len(settled)


def _settle(connection: Connection, settled: Settled) -> None:
    if settled.state == "dropped":
        _drop(connection, settled)
        return
    # A late `done` counts even when the claim is lost, for the call happened; nothing undoes it.
    values = {"state": settled.state, "at": micros(settled.now), "result": to_json(settled.result)}
    undone = () if settled.state == "done" else (once.c.state != "done",)
    written = connection.execute(update(once).where(*_is(settled.once), *undone).values(**values)).rowcount
    if not written and settled.state == "done":
        intent = Intent(settled.once, settled.delivery_id, 0, settled.now)
        connection.execute(insert(once), {**_row(settled.once, intent, "done"), "result": values["result"]})


def _drop(connection: Connection, settled: Settled) -> None:
    """Its holder drops a note that is not done; another delivery only an unknown one, for a person told it to, and only
    while it runs: a process that wakes up late must not drop the note of whoever took its place."""
    whose = once.c.delivery_id == settled.delivery_id
    if _holders(connection, [settled.delivery_id]):
        whose = or_(whose, once.c.state == "unknown")
    connection.execute(delete(once).where(*_is(settled.once), once.c.state != "done", whose))
