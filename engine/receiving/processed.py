"""Processed answers: the sender waits while its event is delivered by this very process (delivery.md 4).

The same claim, lanes and journey as a worker's, no queue, one attempt. A repeat of what failed is attempted again, of what
succeeded it is answered at once, and one that meets a running attempt waits for its ending. Where an attempt runs in another
process, its ending is looked for in the store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from engine.clock import Clock
from engine.delivery import FINAL, Ending, Routing
from engine.event import Event
from engine.receiving.answers import Answer, Said, answer_of
from engine.storage.protocol import Claimed, Claims, Intake, Standing
from engine.working.attempt import Ended

LOOK_EVERY_S = 0.25


class ProcessedStore(Intake, Claims, Protocol):
    """What processed answers ask of the store."""


class Hands(Protocol):
    """The worker of this process, as a waiting answer uses it."""

    owner_id: str

    async def start(self, claimed: Claimed) -> Ended:
        """Runs a claimed delivery; cancelling the caller leaves it running."""

    async def joined(self, delivery_id: int) -> Ended | None:
        """How the attempt of this process that is at it ends; None when there is none."""

    def why_not(self, pipeline: str) -> str | None:
        """What holds a pipeline, in words."""


class Processed:
    """Delivers while a sender waits, at most `answer_within_s` for its turn; what has begun is answered when it ends."""

    def __init__(
        self,
        *,
        store: ProcessedStore,
        hands: Hands,
        clock: Clock,
        monotonic: Callable[[], float],
        answer_within_s: float,
    ) -> None:
        self._store = store
        self._hands = hands
        self._clock = clock
        self._monotonic = monotonic
        self._answer_within_s = answer_within_s

    async def answer(self, event: Event, standing: Sequence[Standing], routing: Routing) -> Answer:
        """What the sender is told once all its deliveries have ended, or could not begin. Raises StoreUnavailable."""
        until = self._monotonic() + self._answer_within_s
        failed = {one.pipeline: one.failed for one in routing.taken if one.failed is not None}
        said = await asyncio.gather(
            *(
                self._unroutable(one, failed[one.pipeline]) if one.pipeline in failed else self._said(event, one, until)
                for one in standing
            )
        )
        return answer_of(event.event_type, said)

    async def _said(self, event: Event, standing: Standing, until: float) -> Said:
        pipeline, delivery_id = standing.pipeline, standing.delivery_id
        while standing.state not in FINAL:
            ended = await self._attempt(standing)
            if ended is not None and ended.outcome is not None:
                outcome = ended.outcome
                return Said(pipeline=pipeline, state=outcome.state, reason=outcome.reason, ending=ended.ending)
            held = self._hands.why_not(pipeline)
            if standing.state == "waiting" and (held or self._monotonic() >= until):
                reason = (
                    held or f"its turn did not come within {self._answer_within_s:g} s: another of its order key runs"
                )
                await self._store.abandon([delivery_id], reason, self._clock.now())
                return Said(pipeline=pipeline, state="failed", reason=reason)
            await asyncio.sleep(LOOK_EVERY_S)
            standing = await self._look(event, standing)
        return Said(pipeline=pipeline, state=standing.state, reason=standing.reason, ending=_ending(standing))

    async def _unroutable(self, standing: Standing, reason: str) -> Said:
        """A condition or order key that fails on this event: an error of ours, and a repeat does not get past it."""
        if standing.state not in FINAL:
            await self._store.abandon([standing.delivery_id], reason, self._clock.now())
        ending = Ending(kind="failed", ours=True, reason=reason)
        return Said(pipeline=standing.pipeline, state="failed", reason=reason, ending=ending)

    async def _attempt(self, standing: Standing) -> Ended | None:
        """The attempt of this process that is at it, or one begun now; None when it cannot begin now."""
        joined = await self._hands.joined(standing.delivery_id)
        if joined is not None or self._hands.why_not(standing.pipeline) is not None:
            return joined
        ids, pipelines = [standing.delivery_id], [standing.pipeline]
        claimed = await self._store.claim(ids, self._hands.owner_id, pipelines, self._clock.now(), alone=True)
        return await self._hands.start(claimed[0]) if claimed else None

    async def _look(self, event: Event, standing: Standing) -> Standing:
        """Where it stands now; one that the store no longer knows counts as it stood."""
        found = await self._store.standing(event.id)
        return next((one for one in found if one.delivery_id == standing.delivery_id), standing)


def _ending(standing: Standing) -> Ending | None:
    """What is known of the attempt that ended it, perhaps in another process; a superseded one had none."""
    known = standing.ending
    if known is None or standing.state == "superseded":
        return None
    return Ending(
        kind=known.get("kind", "failed"),
        reason=standing.reason,
        answer=known.get("answer"),
        fault=known.get("fault"),
        status=known.get("status"),
        ours=bool(known.get("ours")),
    )
