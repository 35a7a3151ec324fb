"""The embedded queue: Dramatiq's StubBroker inside this process, its actor on the loop that is already running.

One loop means one writer of SQLite, one pool, one cache. No middleware: Dramatiq's own retries would keep every failed message
as a dead letter for ever, and recovery is the sweep's.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import dramatiq
from dramatiq.asyncio import EventLoopThread, set_event_loop_thread
from dramatiq.brokers.stub import StubBroker

from engine.errors import QueueUnreachable, WrongUse

Take = Callable[[str, Sequence[int]], Awaitable[None]]


class RunningLoop(EventLoopThread):
    """What Dramatiq takes for its loop thread: the loop that runs already, and no thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.logger = logging.getLogger("dramatiq.asyncio")
        self.interrupt_check_ival = 0.1


class EmbeddedQueue:
    """A queue in memory. What it holds is lost with the process, and found again by the sweep."""

    def __init__(self, instance: str, take: Take) -> None:
        self._broker = StubBroker(middleware=[])
        declare = dramatiq.actor(broker=self._broker, actor_name="deliver", queue_name=queue_name(instance))
        self._actor: Any = declare(_actor_of(take))
        self._worker = dramatiq.Worker(self._broker, worker_timeout=200, worker_threads=2)

    async def start(self) -> None:
        """Starts Dramatiq's threads; the actor runs on this loop."""
        set_event_loop_thread(RunningLoop(asyncio.get_running_loop()))
        self._worker.start()

    async def send(self, pipeline: str, ids: Sequence[int], /) -> None:
        """Hands over one message. Raises QueueUnreachable when the broker is closed."""
        try:
            self._actor.send(pipeline, list(ids))
        except dramatiq.DramatiqError as error:
            raise QueueUnreachable(str(error)) from error

    async def stop(self) -> None:
        """Stops Dramatiq's threads; what is still queued is left to the sweep."""
        # Its threads wait for this very loop: stopped from here without a thread, each would wait for the other.
        await asyncio.to_thread(self._worker.stop, 2000)
        set_event_loop_thread(None)
        self._broker.close()


def _actor_of(take: Take) -> Callable[[str, list[int]], Awaitable[None]]:
    async def deliver(pipeline: str, ids: list[int]) -> None:
        await take(pipeline, ids)

    return deliver


def queue_name(instance: str) -> str:
    """Dramatiq's name for the queue of this instance: a server may be shared."""
    return "nsps_" + re.sub(r"[^A-Za-z0-9._-]", "_", instance)


def check_queue(url: str) -> None:
    """Raises WrongUse, saying what to write, unless the queue is one this version has."""
    if url == "embedded":
        return
    scheme = url.split(":", 1)[0]
    what = {"redis": "Redis", "rediss": "Redis", "amqp": "RabbitMQ", "amqps": "RabbitMQ"}.get(scheme)
    if what:
        raise WrongUse(
            f"queue: {what} is not supported yet. Write `queue: embedded` (or unset NSPS_QUEUE): one process then receives and"
            " delivers, with the same promises"
        )
    raise WrongUse(f"queue: {scheme!r} is no queue this version knows; write `queue: embedded` (or unset NSPS_QUEUE)")
