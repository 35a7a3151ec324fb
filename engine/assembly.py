"""All parts of a process, put together: one loop, one store, one exchange."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
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
from engine.receive import Receiver, doors_of
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
    broken: asyncio.Event = field(default_factory=asyncio.Event)
    _beating: list[asyncio.Task[None]] = field(default_factory=list)
    _working: list[asyncio.Task[None]] = field(default_factory=list)

    async def start(self) -> None:
        """Begins to work: heartbeat first, so that claims are never those of a silent owner. Raises StoreUnavailable."""
        settings, now = self.catalog.settings, self.clock.now()
        await self.store.snapshot(self.catalog.hash, self.catalog.files, now)
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
            self._run(self.sweep.keep_house(settings.keep), "retention"),
        ]

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
        await self.exchange.close()
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
    return _Assembly(catalog, clock, masker, store, passing).process()


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
            receiver=self._make_receiver(),
        )

    def _make_worker(self) -> Worker:
        attempts = Attempts(
            catalog=self._catalog,
            store=self._store,
            send=self._exchange.send,
            encode=MaskedEncoding(self._masker),
            clock=self._clock,
            heartbeat=self._heartbeat,
            why_not=self._holds.why_not,
            answered=lambda: self._passing("answered"),
        )
        return Worker(
            store=self._store,
            make=attempts.make,
            released=self._put,
            holds=self._holds,
            room=Room(self._catalog.settings.in_flight),
            heartbeat=self._heartbeat,
        )

    def _make_receiver(self) -> Receiver:
        settings = self._catalog.settings.receive
        reception = Reception(
            store=self._store,
            refusals=Refusals(self._store, self._clock, self._monotonic),
            clock=self._clock,
            new_id=new_event_id,
            route=lambda event: route(event, self._catalog),
            put=self._put_committed,
        )
        doors = doors_of(settings, reception, self._make_processed(), self._masker.text)
        return Receiver(reception, doors, self._status)

    def _make_processed(self) -> Processed | None:
        nsps = self._catalog.settings.receive.nsps
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
