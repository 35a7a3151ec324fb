"""Dramatiq over whichever broker: one actor, `deliver`, whose message holds a pipeline and ids of its deliveries.

No middleware: Dramatiq's own retries and delays would compete with the store's; an actor that raises loses a hint, no more. The
actor hands its ids to the loop and returns, so the acknowledgement says "held by a worker", and a slow delivery holds nobody.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import dramatiq

from engine.errors import QueueUnreachable
from engine.queues.broker_thread import BrokerThread
from engine.queues.queue import Sink

T = TypeVar("T")
QUEUE = "deliveries"
THREADS = 2
STOP_WITHIN_MS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """What differs between brokers. `thread` None: the broker is in memory and answers at once.

    `depth` returns how many messages wait, and raises unless a message would be taken. `idle_ms`: how long Dramatiq's threads
    sleep at a time, which bounds the stop. `close` is called where messages are sent: not every client is safe elsewhere.
    """

    broker: dramatiq.Broker
    thread: BrokerThread | None
    depth: Callable[[], int]
    idle_ms: int
    close: Callable[[], None]


class DramatiqQueue:
    """A queue over a broker."""

    def __init__(self, wire: Wire, name: str = QUEUE) -> None:
        self._wire = wire
        self._name = name
        self._hand: Callable[[str, list[int]], None] = _nobody
        self._worker: dramatiq.Worker | None = None
        declare = dramatiq.actor(broker=wire.broker, actor_name="deliver", queue_name=name)
        self._actor: Any = declare(self._actor_of())

    async def start(self, sink: Sink | None) -> None:
        """Begins to hand what comes to `sink`, on this loop; None: this process only sends."""
        if sink is None:
            return
        self._hand = _Hand(asyncio.get_running_loop(), sink)
        # Whoever asks the queue how it is says so, once; Dramatiq would repeat it every 3 s.
        logging.getLogger(f"dramatiq.worker.ConsumerThread({self._name})").addFilter(_not_about_the_connection)
        self._worker = dramatiq.Worker(self._wire.broker, worker_timeout=self._wire.idle_ms, worker_threads=THREADS)
        self._worker.start()

    async def send(self, pipeline: str, ids: Sequence[int], /) -> None:
        """Hands over one message. Raises QueueUnreachable, within bounded time."""
        message = self._actor.message(pipeline, list(ids))
        await self._do(lambda: self._wire.broker.enqueue(message))

    async def depth(self) -> int:
        """How many messages wait in it. Raises QueueUnreachable, also when it would not take a message now."""
        return await self._do(self._wire.depth)

    async def stop(self) -> None:
        """Hands nothing over any more and puts back what it had fetched, within seconds. It can still send."""
        if self._worker is not None:
            # Its threads may wait for this very loop: stopped from here without a thread, each would wait for the other.
            await asyncio.to_thread(self._worker.stop, STOP_WITHIN_MS)

    async def close(self) -> None:
        """Sends nothing any more. Where the server hangs, its connections are closed once it has been given up."""
        if self._wire.thread is None:
            self._wire.close()
        else:
            await self._wire.thread.close(self._wire.close)

    async def _do(self, job: Callable[[], T]) -> T:
        if self._wire.thread is not None:
            return await self._wire.thread.do(job)
        try:
            return job()
        except dramatiq.DramatiqError as error:
            raise QueueUnreachable(str(error)) from error

    def _actor_of(self) -> Callable[[str, list[int]], None]:
        def deliver(pipeline: str, ids: list[int]) -> None:
            self._hand(pipeline, ids)

        return deliver


class _Hand:
    """Hands ids over to the loop from one of Dramatiq's threads, and does not wait: what a slow pipeline cannot hold now would
    stand in the way of the others."""

    def __init__(self, loop: asyncio.AbstractEventLoop, sink: Sink) -> None:
        self._loop = loop
        self._sink = sink

    def __call__(self, pipeline: str, ids: list[int]) -> None:
        self._loop.call_soon_threadsafe(self._sink.offer, pipeline, ids)


def _not_about_the_connection(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith("Consumer encountered a connection error")


def _nobody(_pipeline: str, _ids: list[int]) -> None:
    """A process that only sends gets nothing."""
