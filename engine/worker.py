"""The worker: ids in, claims, one task each.

The queue's actor hands ids to `offer` and never waits; one loop claims them in batches, as far as their pipeline has room, and
starts a task for each: a slow system holds up nobody else's. Nothing here is the truth: an id that gets lost is found by
the sweep.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import timedelta

import structlog

from engine.errors import StoreUnavailable
from engine.settings import InFlight
from engine.storage.protocol import Claimed, Claims
from engine.working.attempt import Ended
from engine.working.backlog import Backlog
from engine.working.heartbeat import Heartbeat
from engine.working.holds import Holds
from engine.working.room import Room

ALONE_S = 2.0  # how long a suspect has the process to itself
LONGER_ALONE_S = 60.0  # one that crashed it alone already, perhaps after more than that
PAUSE_S = 1.0
STRAY_AFTER_S = 2 * LONGER_ALONE_S  # a suspect that was claimed may wait so long before it starts; others start at once

log = structlog.get_logger("nsps.worker")

Make = Callable[[Claimed], Awaitable[Ended]]
Released = Callable[[str, Sequence[int]], None]


class Worker:
    """Claims and runs deliveries. `make` makes one attempt; `released` is told of ids that may start now."""

    def __init__(
        self, *, store: Claims, make: Make, released: Released, holds: Holds, room: Room, heartbeat: Heartbeat
    ) -> None:
        self._store = store
        self.make = make
        self._released = released
        self._holds = holds
        self._room = room
        self._heartbeat = heartbeat
        self._backlog = Backlog()
        self._wake = asyncio.Event()
        self._stopping = False
        self._suspect: asyncio.Task[Ended] | None = None
        self.owner_id = heartbeat.owner.id
        self.running: dict[int, asyncio.Task[Ended]] = {}

    def full(self) -> tuple[str, ...]:
        """The pipelines of which this process has as many hints as it can use for now."""
        return self._backlog.full()

    def use(self, make: Make, limits: InFlight) -> None:
        """Makes attempts this way from now on; those in flight end as they began."""
        self.make = make
        self._room.resize(limits)
        self._wake.set()

    def offer(self, pipeline: str, ids: Sequence[int]) -> None:
        """Holds ids to be claimed as soon as there is room."""
        self._backlog.add(pipeline, ids)
        self._wake.set()

    def unclaimed(self) -> dict[str, list[int]]:
        """The ids held here, by pipeline, for others: this process stops."""
        return self._backlog.drain()

    def offer_suspect(self, delivery_id: int) -> None:
        """Holds one that was in flight at a crash: it is claimed when nothing else runs here."""
        self._backlog.add_suspect(delivery_id)
        self._wake.set()

    async def run(self) -> None:
        """Claims and starts until cancelled."""
        failing = False
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                while await self._claim_some():
                    failing = False
            except StoreUnavailable as error:
                if not failing:
                    log.warning("cannot claim: the store is not available", why=str(error))
                failing = True
                await asyncio.sleep(PAUSE_S)
                self._wake.set()

    async def mind_strays(self) -> None:
        """Gives back, until cancelled, what this process claimed without learning of it: the store's answer was lost with its
        connection, or who asked was gone by then. Nobody else may take that while this process lives."""
        while True:
            await asyncio.sleep(STRAY_AFTER_S / 4)
            with suppress(StoreUnavailable):
                await self.give_back_strays()

    async def give_back_strays(self, after_s: float = STRAY_AFTER_S) -> int:
        """Gives them back; returns how many. Raises StoreUnavailable."""
        now = self._heartbeat.now()
        before = now - timedelta(seconds=after_s)
        given = await self._store.give_back_strays(self.owner_id, tuple(self.running), before, now)
        if given:
            log.warning("gave back what it had claimed without learning of it", deliveries=given)
        return given

    async def start(self, claimed: Claimed) -> Ended:
        """Starts an attempt in a task of its own and returns how it ended; cancelling the caller leaves it running."""
        return await asyncio.shield(self._start(claimed))

    async def joined(self, delivery_id: int) -> Ended | None:
        """How the attempt of this process that is at it ends; None when there is none."""
        task = self.running.get(delivery_id)
        return await asyncio.shield(task) if task is not None else None

    def why_not(self, pipeline: str) -> str | None:
        """What holds a pipeline, in words; None when its deliveries may start."""
        return self._holds.why_not(pipeline)

    async def stop(self, grace_s: float) -> int:
        """Waits for what is in flight, then gives the rest back. Returns how many were given back."""
        self._stopping = True
        if self.running:
            log.info("finishing what is in flight", deliveries=len(self.running), within_s=grace_s)
            await asyncio.wait(list(self.running.values()), timeout=grace_s)
        unfinished = list(self.running.values())
        for task in unfinished:
            task.cancel()
        if unfinished:
            await asyncio.wait(unfinished)
        return len(unfinished)

    async def _claim_some(self) -> bool:
        """One claim. False when there is nothing to claim or no room."""
        await self._sure()
        suspect = self._backlog.take_suspect() if self._suspect is None or self._suspect.done() else None
        if suspect is not None:
            await self._run_alone(suspect)
        ids = self._backlog.take(self._room.free)
        if not ids:
            return suspect is not None
        now = self._heartbeat.now()
        claimed = await self._store.claim(ids, self.owner_id, self._holds.claimable, now)
        for one in claimed:
            self._start(one)
        return True

    async def _sure(self) -> None:
        """Waits until this process's heartbeat is in the store: a claim of a silent owner is soon another's."""
        while not self._heartbeat.sure():
            await asyncio.sleep(PAUSE_S / 4)

    async def _run_alone(self, delivery_id: int) -> None:
        """A suspect has the process to itself while it starts: if it kills the process again, it was this one.

        Bounded both ways, so that neither slow deliveries nor a hundred suspects keep everybody waiting. Two suspects never
        run at once, however long one takes: no crash counts against both.
        """
        await self._room.emptied(ALONE_S)
        now = self._heartbeat.now()
        for one in await self._store.claim([delivery_id], self.owner_id, self._holds.claimable, now, alone=True):
            log.info("runs alone: it was in flight at a crash", delivery=delivery_id, crashes=one.crashes)
            if one.crashes:
                await self._room.emptied(LONGER_ALONE_S)
            self._suspect = self._start(one)
            await asyncio.wait([self._suspect], timeout=LONGER_ALONE_S if one.crashes else ALONE_S)

    def _start(self, claimed: Claimed) -> asyncio.Task[Ended]:
        self._room.enter(claimed.pipeline)
        task = asyncio.ensure_future(self.make(claimed))
        self.running[claimed.delivery_id] = task
        task.add_done_callback(lambda done: self._ended(claimed, done))
        return task

    def _ended(self, claimed: Claimed, task: asyncio.Task[Ended]) -> None:
        self._room.leave(claimed.pipeline)
        if self.running.get(claimed.delivery_id) is task:
            del self.running[claimed.delivery_id]
        self._wake.set()
        if task.cancelled():
            return
        if error := task.exception():
            log.error("an attempt broke", delivery=claimed.delivery_id, exc_info=error)
        else:
            self._released(claimed.pipeline, task.result().released)
