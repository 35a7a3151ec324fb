"""All parts of a process, put together: one loop, one store, one exchange."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from engine.catalog import Catalog
from engine.clock import Clock
from engine.enqueue import Enqueue
from engine.exchange import Exchange
from engine.ids import new_event_id
from engine.limits import Sharer, open_permits
from engine.masking import Masker
from engine.owner import this_process
from engine.permits import Permits
from engine.process import Part, Process
from engine.queues import open_queue
from engine.queues.queue import MessageQueue
from engine.receive import Receiver, Way, doors_of
from engine.receiving.processed import Processed
from engine.receiving.reception import Reception
from engine.receiving.refusing import Refusals
from engine.receiving.telling import Telling
from engine.route import route
from engine.storage.store import Store
from engine.sweep import Sweep
from engine.worker import Worker
from engine.working.attempt import Attempts
from engine.working.crowd import Crowd
from engine.working.encoding import MaskedEncoding
from engine.working.generation import Generation
from engine.working.heartbeat import Heartbeat
from engine.working.holds import Holds
from engine.working.room import Room

Moment = Callable[[str], None]
"""Told that the process passes a moment at which a kill must lose nothing: `committed`, `answered`. For tests that kill."""


def _nothing(_moment: str) -> None:
    """Nobody wants to know."""


async def assemble(
    catalog: Catalog, clock: Clock, masker: Masker, passing: Moment = _nothing, part: Part = "all"
) -> Process:
    """The parts, not yet started, over the catalog's store. Raises StoreUnavailable, SchemaMismatch, WrongUse."""
    queue = open_queue(catalog.settings.queue, catalog.settings.instance)
    try:
        store = await Store.open(
            catalog.settings.store, project=catalog.project, clock=clock, instance=catalog.settings.instance
        )
    except BaseException:
        await queue.close()
        raise
    parts = _Assembly(catalog, clock, masker, (store, queue), passing).process(part)
    parts.use(parts.succeed(catalog))
    return parts


class _Assembly:
    """Knows which part needs which. Parts that need each other meet in methods, called later."""

    def __init__(
        self, catalog: Catalog, clock: Clock, masker: Masker, servers: tuple[Store, MessageQueue], passing: Moment
    ) -> None:
        store, queue = servers
        self._catalog = catalog
        self._clock = clock
        self._masker = masker
        self._store = store
        self._passing = passing
        self._monotonic = asyncio.get_running_loop().time
        self._holds = Holds(catalog, store, clock)
        self._heartbeat = Heartbeat(store, this_process(clock.now(), catalog.hash), clock, self._monotonic)
        self._crowd = Crowd(store, clock)
        self._permits = self._make_permits()
        self._exchange = Exchange(catalog, clock, masker, permits=self._permits, on_hold=self._holds.hold_refused)
        self._reception = self._make_reception()
        self._worker = self._make_worker()
        self._queue = queue

    def process(self, part: Part) -> Process:
        """A process that does `part`. What the queue does not take, a receiver leaves to the workers' sweeps."""
        store, clock = self._store, self._clock
        ourselves = _leave_it if part == "receiver" else self._worker.offer
        self._enqueue = Enqueue(self._queue, ourselves, lambda: store.forget_hints(clock.now()))
        sweep = Sweep(
            store=self._store,
            clock=self._clock,
            holds=self._holds,
            put=self._enqueue.put,
            alone=self._worker.offer_suspect,
            full=self._worker.full,
            steady=self._heartbeat.steady,
            processed_only=part == "receiver",
        )
        return Process(
            part=part,
            catalog=self._catalog,
            clock=self._clock,
            store=self._store,
            exchange=self._exchange,
            permits=self._permits,
            crowd=self._crowd,
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

    def _make_permits(self) -> Permits:
        settings, owner = self._catalog.settings, self._heartbeat.owner.id
        sharer = Sharer(
            url=settings.queue,
            instance=settings.instance,
            owner=owner,
            clock=self._clock,
            processes=self._crowd.count,
        )
        return open_permits(sharer)

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
            refusals=Refusals(self._store, self._clock, Telling()),
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
        return {"queue": "ok" if self._enqueue.reachable else "unreachable: workers go on from the store"}


def _leave_it(_pipeline: str, _ids: Sequence[int]) -> None:
    """The store has it."""
