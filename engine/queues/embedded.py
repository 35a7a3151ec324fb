"""The embedded queue: Dramatiq's StubBroker inside this process. What it holds is lost with the process, and found again by the
sweep."""

from __future__ import annotations

from dramatiq.brokers.stub import StubBroker

from engine.queues.dramatiq_queue import QUEUE, DramatiqQueue, Wire

IDLE_MS = 200


def embedded_queue(_url: str, _instance: str) -> DramatiqQueue:
    """A queue of this process alone."""
    broker = StubBroker(middleware=[])

    def depth() -> int:
        return int(broker.queues[QUEUE].qsize())

    return DramatiqQueue(Wire(broker=broker, thread=None, depth=depth, idle_ms=IDLE_MS, close=broker.close))
