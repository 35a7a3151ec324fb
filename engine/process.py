"""The running parts of a process, whatever part it has: how they start, change their configuration, and stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Literal

import structlog

from engine.catalog import Catalog
from engine.clock import Clock
from engine.enqueue import Enqueue
from engine.errors import StoreUnavailable
from engine.exchange import Exchange
from engine.owner import surely_dead
from engine.permits import Permits
from engine.queues.queue import MessageQueue
from engine.receive import Receiver
from engine.storage.store import Store
from engine.sweep import Sweep
from engine.worker import Worker
from engine.working.crowd import Crowd
from engine.working.generation import Generation
from engine.working.heartbeat import Heartbeat
from engine.working.holds import Holds

PASS_ON_WITHIN_S = 5.0

Part = Literal["all", "receiver", "worker"]
"""What a process does: everything; it receives (and answers processed ones itself); it delivers."""

log = structlog.get_logger("nsps.run")


@dataclass(slots=True, kw_only=True)
class Process:
    """The running parts of a process. `broken` is set when a part that should run for ever did not."""

    part: Part
    catalog: Catalog
    clock: Clock
    store: Store
    exchange: Exchange
    permits: Permits
    crowd: Crowd
    holds: Holds
    heartbeat: Heartbeat
    worker: Worker
    queue: MessageQueue
    enqueue: Enqueue
    sweep: Sweep
    receiver: Receiver
    generations: list[Generation]
    succeed: Callable[[Catalog], Generation]
    broken: asyncio.Event = field(default_factory=asyncio.Event)
    _stopping_since: float = 0.0
    _beating: list[asyncio.Task[None]] = field(default_factory=list)
    _working: list[asyncio.Task[None]] = field(default_factory=list)

    async def start(self) -> None:
        """Begins to work: heartbeat first, so that claims are never those of a silent owner. Raises StoreUnavailable."""
        await self.store.snapshot(self.catalog.hash, self.catalog.files, self.clock.now())
        await self._bury()
        for scope in await self.holds.lift_outdated():
            log.info("lifted a hold: its connector has other settings now", scope=scope)
        self.holds.gates = self.exchange
        await self.holds.refresh()
        await self.heartbeat.beat()
        await self.store.set_back(self.clock.now())  # the clock may have been set while nobody ran
        await self.queue.start(None if self.part == "receiver" else self.worker)
        self._beating = [self._run(self.heartbeat.run(), "heartbeat")]
        self._working = [
            self._run(self.enqueue.run(), "enqueue"),
            self._run(self.enqueue.watch(), "queue"),
            self._run(self.sweep.run(), "sweep"),
            self._run(self.crowd.run(), "crowd"),
            self._run(self.worker.mind_strays(), "strays"),
        ]
        if self.part != "receiver":
            self.also(self.worker.run(), "worker")
            self.also(self.sweep.keep_house(lambda: self.catalog.settings.keep), "retention")

    def use(self, generation: Generation) -> None:
        """Runs this configuration from now on, all of it at once; attempts under way end with theirs."""
        self.generations.append(generation)
        self.catalog, self.exchange = generation.catalog, generation.exchange
        self.holds.use(generation.catalog, generation.exchange)
        self.worker.use(generation.make, generation.catalog.settings.in_flight)
        self.receiver.receive_at(generation.doors)
        self.heartbeat.runs(generation.catalog.hash)

    async def retire(self, generation: Generation) -> None:
        """Closes what a replaced configuration alone used, once its attempts have ended."""
        await generation.ended()
        self.generations.remove(generation)
        await generation.close(self.generations)

    def also(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Runs this beside the rest until claiming stops."""
        self._working.append(self._run(work, name))

    def begin_to_stop(self) -> None:
        """From now on the time of grace runs."""
        self._stopping_since = self._stopping_since or asyncio.get_running_loop().time()

    async def stop_claiming(self) -> None:
        """No delivery is claimed any more, but for senders that wait already."""
        await _cancel(self._working)

    async def stop(self, grace_s: float) -> None:
        """Finishes what is in flight within `grace_s`, gives the rest back, and leaves."""
        self.begin_to_stop()
        until = self._stopping_since + grace_s
        await self.stop_claiming()
        self.receiver.close()
        await self.queue.stop()
        await self._pass_on()
        given_back = await self.worker.stop(max(1.0, until - asyncio.get_running_loop().time()))
        if given_back:
            log.warning(
                "gave back what was not finished in time; it is delivered after the next start", given_back=given_back
            )
        await _cancel(self._beating)
        await self._leave()
        await self._pass_on()
        await self.queue.close()
        for generation in self.generations:
            await generation.close(())
        await self.permits.close()
        await self.store.close()

    async def _pass_on(self) -> None:
        """What this process was hinted of and did not claim goes to others now, not at their sweep's next look."""
        for pipeline, ids in self.worker.unclaimed().items():
            self.enqueue.put(pipeline, ids)
        try:
            async with asyncio.timeout(PASS_ON_WITHIN_S):
                await self.enqueue.flush()
        except TimeoutError:
            log.info("the queue is slow; sweeps find the rest")

    async def _leave(self) -> None:
        owner = self.heartbeat.owner.id
        try:
            await self.store.give_back(owner, self.clock.now())
            await self.store.leave(owner)
        except StoreUnavailable as error:
            log.warning("could not say good-bye to the store; its sweep finds out in 10 s", why=str(error))

    async def _bury(self) -> None:
        """Gives back what processes of this machine held that are no more, as suspects, without waiting for silence."""
        for owner, _ in await self.store.owners():
            if surely_dead(owner):
                await self.store.leave(owner.id)
        if self.part == "all":  # what it was told before its end nobody knows now: its queue ended with it
            await self.store.forget_hints(self.clock.now())

    def _run(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._watch)
        return task

    def _watch(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            return
        log.error("an error of ours stopped a part of the process", part=task.get_name(), exc_info=task.exception())
        self.broken.set()


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
