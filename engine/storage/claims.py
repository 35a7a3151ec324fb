"""Deliveries are claimed, and their outcomes written, by whoever works on them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from engine.storage.area import Area
from engine.storage.claiming import Wanted, claim_group
from engine.storage.encoding import storable
from engine.storage.finding import seq_of_id
from engine.storage.finishing import finish_group
from engine.storage.instants import micros
from engine.storage.moving import Moved, move
from engine.storage.protocol import Claimed, Finished, Standing
from engine.storage.standing import standing_of
from engine.storage.tables import WAITING, attempts, deliveries


class ClaimsArea(Area):
    async def claim(
        self, ids: Sequence[int], owner: str, pipelines: Sequence[str], now: datetime, alone: bool = False
    ) -> list[Claimed]:
        """Claims those of `ids` that may start now: waiting, due, of these pipelines, first (strict) or last (latest) of
        their lane with none running. In a `latest` lane the older waiting ones become superseded. Suspects are claimed
        only when `alone`: then nothing else runs in this process."""
        # Last: what its group finishes frees lanes for it; and nobody waits for rows while a claim of ours holds a lane.
        return await self._committer.write(claim_group, Wanted(ids, owner, pipelines, now, alone), last=True)

    async def finish(self, finished: Finished) -> tuple[int, ...]:
        """Writes the attempt and the outcome, coalesced with others. Returns ids that may start now (next of its lane).

        Raises ClaimLost when the fence is another's; then nothing is written."""
        return await self._committer.write(finish_group, finished)

    async def took(self, finished: Finished) -> bool:
        """Whether this attempt is in the store: `finish` may have written it though its answer was lost."""
        mine = select(attempts.c.fence).where(
            attempts.c.delivery_id == finished.delivery_id,
            attempts.c.fence == finished.fence,
            attempts.c.ended_at == micros(finished.ended_at),
        )
        return await self._read(lambda connection: connection.execute(mine).first() is not None)

    async def abandon(self, ids: Sequence[int], reason: str, now: datetime) -> int:
        """Waiting ones become `failed` without an attempt. Returns how many; those that moved meanwhile are left alone."""
        return await self._write(lambda connection: _abandon(connection, ids, reason, micros(now)))

    async def standing(self, event_id: str) -> tuple[Standing, ...]:
        """Where each delivery of this event stands, finished or not; the event's id exactly. Empty for none."""
        return await self._read(lambda connection: _standing(connection, event_id))


def _abandon(connection: Connection, ids: Sequence[int], reason: str, now_us: int) -> int:
    waiting = select(deliveries.c.id, deliveries.c.pipeline).where(
        deliveries.c.id.in_(ids), deliveries.c.state == WAITING
    )
    rows = connection.execute(waiting.with_for_update()).all()
    ended = [Moved(id=row.id, pipeline=row.pipeline, state="failed", reason=storable(reason)) for row in rows]
    move(connection, ended, now_us)
    return len(ended)


def _standing(connection: Connection, event_id: str) -> tuple[Standing, ...]:
    seq = seq_of_id(connection, event_id)
    return () if seq is None else standing_of(connection, [seq])[seq]
