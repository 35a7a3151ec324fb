"""All parts of a process, put together: one loop, one store, one exchange."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from engine.catalog import Catalog
from engine.clock import Clock
from engine.enqueue import Enqueue
from engine.errors import StoreUnavailable
from engine.exchange import Exchange
from engine.ids import new_event_id
from engine.masking import Masker
from engine.owner import surely_dead, this_process
from engine.receive import Receiver, Way, doors_of
from engine.receiving.processed import Processed
from engine.receiving.reception import Reception
from engine.receiving.refusing import Refusals
from engine.route import route
from engine.storage.store import Store
from engine.sweep import Sweep
from engine.worker import Worker
from engine.working.attempt import Attempts
from engine.working.embedded import EmbeddedQueue, check_queue
from engine.working.encoding import MaskedEncoding
from engine.working.generation import Generation
from engine.working.heartbeat import Heartbeat
from engine.working.holds import Holds
from engine.working.room import Room

log = structlog.get_logger("nsps.run")

Moment = Callable[[str], None]
"""Told that the process passes a moment at which a kill must lose nothing: `committed`, `answered`. For tests that kill."""


@dataclass(slots=True, kw_only=True)
class Process:
    """The running parts of a process. `broken` is set when a part that should run for ever did not."""

    catalog: Catalog
    clock: Clock
    store: Store
    exchange: Exchange
    holds: Holds
    heartbeat: Heartbeat
    worker: Worker
    queue: EmbeddedQueue
    enqueue: Enqueue
    sweep: Sweep
    receiver: Receiver
    generations: list[Generation]
    succeed: Callable[[Catalog], Generation]
    broken: asyncio.Event = field(default_factory=asyncio.Event)
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
        await self.queue.start()
        self._beating = [self._run(self.heartbeat.run(), "heartbeat")]
        self._working = [
            self._run(self.worker.run(), "worker"),
            self._run(self.enqueue.run(), "enqueue"),
            self._run(self.sweep.run(), "sweep"),
            self._run(self.sweep.keep_house(lambda: self.catalog.settings.keep), "retention"),
        ]

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

    async def stop_claiming(self) -> None:
        """No delivery is claimed any more, but for senders that wait already."""
        await _cancel(self._working)

    async def stop(self, grace_s: float) -> None:
        """Finishes what is in flight within `grace_s`, gives the rest back, and leaves."""
        await self.stop_claiming()
        await self.queue.stop()
        given_back = await self.worker.stop(grace_s)
        if given_back:
            log.warning(
                "gave back what was not finished in time; it is delivered after the next start", given_back=given_back
            )
        await _cancel(self._beating)
        await self._leave()
        for generation in self.generations:
            await generation.close(())
        await self.store.close()

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


def _nothing(_moment: str) -> None:
    """Nobody wants to know."""


async def assemble(catalog: Catalog, clock: Clock, masker: Masker, passing: Moment = _nothing) -> Process:
    """The parts, not yet started, over the catalog's store. Raises StoreUnavailable, SchemaMismatch, WrongUse."""
    check_queue(catalog.settings.queue)
    store = await Store.open(catalog.settings.store, project=catalog.project, clock=clock)
    parts = _Assembly(catalog, clock, masker, store, passing).process()
    parts.use(parts.succeed(catalog))
    return parts


class _Assembly:
    """Knows which part needs which. Parts that need each other meet in methods, called later."""

    def __init__(self, catalog: Catalog, clock: Clock, masker: Masker, store: Store, passing: Moment) -> None:
        self._catalog = catalog
        self._clock = clock
        self._masker = masker
        self._store = store
        self._passing = passing
        self._monotonic = asyncio.get_running_loop().time
        self._holds = Holds(catalog, store, clock)
        self._exchange = Exchange(catalog, clock, masker, on_hold=self._holds.hold_refused)
        self._heartbeat = Heartbeat(store, this_process(clock.now(), catalog.hash), clock, self._monotonic)
        self._reception = self._make_reception()
        self._worker = self._make_worker()
        self._queue = EmbeddedQueue(catalog.settings.instance, self._worker.take)
        self._enqueue = Enqueue(self._queue, self._worker.offer)

    def process(self) -> Process:
        sweep = Sweep(
            store=self._store,
            clock=self._clock,
            holds=self._holds,
            put=self._enqueue.put,
            alone=self._worker.offer_suspect,
            crowded=lambda: self._worker.crowded,
        )
        return Process(
            catalog=self._catalog,
            clock=self._clock,
            store=self._store,
            exchange=self._exchange,
            holds=self._holds,
            heartbeat=self._heartbeat,
            worker=self._worker,
            queue=self._queue,
            enqueue=self._enqueue,
            sweep=sweep,
            receiver=Receiver(self._reception, {}, self._status),
            generations=[],
            succeed=self.generation,
        )

    def generation(self, catalog: Catalog) -> Generation:
        """All that differs from one configuration to the next."""
        self._exchange = self._exchange.over(catalog)
        return Generation(
            catalog, self._exchange, self._make_attempts(catalog, self._exchange), self._make_doors(catalog)
        )

    def _make_attempts(self, catalog: Catalog, exchange: Exchange) -> Attempts:
        return Attempts(
            catalog=catalog,
            store=self._store,
            send=exchange.send,
            encode=MaskedEncoding(self._masker),
            clock=self._clock,
            heartbeat=self._heartbeat,
            why_not=self._holds.why_not,
            answered=lambda: self._passing("answered"),
        )

    def _make_worker(self) -> Worker:
        return Worker(
            store=self._store,
            make=self._make_attempts(self._catalog, self._exchange).make,
            released=self._put,
            holds=self._holds,
            room=Room(self._catalog.settings.in_flight),
            heartbeat=self._heartbeat,
        )

    def _make_reception(self) -> Reception:
        return Reception(
            store=self._store,
            refusals=Refusals(self._store, self._clock, self._monotonic),
            clock=self._clock,
            new_id=new_event_id,
            route=lambda event: route(event, self._catalog),
            put=self._put_committed,
        )

    def _make_doors(self, catalog: Catalog) -> Mapping[str, Way]:
        reception = replace(self._reception, route=lambda event: route(event, catalog))
        return doors_of(catalog.settings.receive, reception, self._make_processed(catalog), self._masker.text)

    def _make_processed(self, catalog: Catalog) -> Processed | None:
        nsps = catalog.settings.receive.nsps
        if nsps is None or nsps.answer != "processed":
            return None
        return Processed(
            store=self._store,
            hands=self._worker,
            clock=self._clock,
            monotonic=self._monotonic,
            answer_within_s=nsps.answer_within_s,
        )

    def _put(self, pipeline: str, ids: Sequence[int]) -> None:
        self._enqueue.put(pipeline, ids)

    def _put_committed(self, pipeline: str, ids: Sequence[int]) -> None:
        self._passing("committed")
        self._enqueue.put(pipeline, ids)

    def _status(self) -> Mapping[str, Any]:
        return {
            "queue": "ok" if self._enqueue.reachable else "unreachable: this process works on what it stores itself"
        }
