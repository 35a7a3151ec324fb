"""The sweep: what the store says should be looked at goes to the queue.

It finds what is due, what was never enqueued (a kill after the commit, a queue that was wiped) and what stalled (its owner's
heartbeat is dead). Every look moves on, so neither a backlog nor blocked lanes are looked at again and again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import structlog

from engine.clock import Clock
from engine.errors import StoreUnavailable
from engine.settings import Retention
from engine.storage.protocol import Claims, Control, Look
from engine.working.holds import Holds

EVERY_S = 1.0
RESTS_TIMES = 10  # looks past a large backlog that is held take long: they take a tenth of the time at most
LONGEST_REST_S = 10.0
LOOKS = 500
FORGET_EVERY_S = 600.0
INTERRUPTED = "interrupted: its receiver was gone before it was its turn; the sender repeats it"

log = structlog.get_logger("nsps.sweep")


class SweepStore(Claims, Control, Protocol):
    """What the sweep asks of the store."""


class Sweep:
    """Looks each second. `put` enqueues, `alone` takes a suspect, `full` names pipelines not to look at now,
    `steady` says whether the ages of heartbeats mean something.
    `processed_only`: in a receiver without a worker, which looks after the answers it and its like make."""

    def __init__(  # noqa: PLR0913 - everything a look touches
        self,
        *,
        store: SweepStore,
        clock: Clock,
        holds: Holds,
        put: Callable[[str, Sequence[int]], None],
        alone: Callable[[int], None],
        full: Callable[[], Sequence[str]] = tuple,
        steady: Callable[[], Awaitable[bool]] | None = None,
        processed_only: bool = False,
    ) -> None:
        self._store = store
        self._clock = clock
        self._holds = holds
        self._put = put
        self._alone = alone
        self._full = full
        self._steady = steady
        self._processed_only = processed_only

    async def run(self) -> None:
        """Looks until cancelled; a store that is away is waited for."""
        failing, loop = False, asyncio.get_running_loop()
        while True:
            began_s = loop.time()
            try:
                found = await self.look()
                if failing:
                    log.info("the store is back")
                failing = False
            except StoreUnavailable as error:
                if not failing:
                    log.warning("cannot look: the store is not available", why=str(error))
                failing, found = True, 0
            rest_s = min(LONGEST_REST_S, max(EVERY_S, RESTS_TIMES * (loop.time() - began_s)))
            await asyncio.sleep(0 if found >= LOOKS else rest_s)

    async def look(self) -> int:
        """One look; returns how many rows it found. Raises StoreUnavailable."""
        await self._holds.refresh()
        # What a hold keeps stays where it is, in order, and costs nothing until the hold ends; then it comes bit by bit.
        not_now = {*self._full(), *self._holds.kept}
        back = {*self._holds.coming_back} - not_now
        looks = await self._found(LOOKS, not_now | back)
        if back and not self._processed_only and (portion := self._holds.portion(LOOKS)):
            looks += await self._found(portion, {*self._holds.known} - back | not_now)
        # Right after a clock was set living owners look dead, this one too.
        stalled = [look for look in looks if look.stalled]
        if stalled and self._steady is not None and not await self._steady():
            stalled = []
        await asyncio.gather(*(self._release(look) for look in stalled))
        await self._hand_on([look for look in looks if look.state == "waiting"])
        return len(looks)

    async def _found(self, most: int, besides: set[str]) -> list[Look]:
        return await self._store.look(self._clock.now(), most, self._processed_only, sorted(besides))

    async def forget(self, keep: Retention) -> int:
        """Drops what `keep:` no longer keeps; returns how many events went. Raises StoreUnavailable."""
        return await self._store.forget(self._clock.now(), keep.finished_s, keep.replies_s)

    async def keep_house(self, keep: Callable[[], Retention]) -> None:
        """Forgets now and then, until cancelled."""
        while True:
            await asyncio.sleep(FORGET_EVERY_S)
            try:
                while await self.forget(keep()):
                    await asyncio.sleep(0)
            except StoreUnavailable as error:
                log.warning("cannot drop what is old now; it is tried again", why=str(error))

    async def _release(self, look: Look) -> None:
        state = await self._store.release_stalled(look, self._clock.now())
        if state is None:
            return
        log.warning("its process died while it ran", delivery=look.delivery_id, pipeline=look.pipeline, now=state)
        if state == "waiting" and not look.suspect:  # one that was a suspect waits for its look
            self._alone(look.delivery_id)

    async def _hand_on(self, looks: Sequence[Look]) -> None:
        orphans = [look.delivery_id for look in looks if look.policy_off]
        if orphans:
            await self._store.abandon(orphans, INTERRUPTED, self._clock.now())
        due: dict[str, list[int]] = {}
        for look in looks:
            if look.suspect:
                self._alone(look.delivery_id)
            elif not look.policy_off:
                due.setdefault(look.pipeline, []).append(look.delivery_id)
        for pipeline, ids in due.items():
            if self._holds.why_not(pipeline) is None:
                self._put(pipeline, ids)
