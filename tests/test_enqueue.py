from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from engine.enqueue import Enqueue
from engine.errors import QueueUnreachable


class Queue:
    """A queue in a list, which may refuse or hang."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, list[int]]] = []
        self.refuses = False
        self.hangs: asyncio.Event | None = None

    async def send(self, pipeline: str, ids: Sequence[int], /) -> None:
        if self.hangs:
            await self.hangs.wait()
        if self.refuses:
            raise QueueUnreachable("connection refused")
        self.sent.append((pipeline, list(ids)))


@asynccontextmanager
async def enqueue_to(queue: Queue) -> AsyncIterator[tuple[Enqueue, list[tuple[str, list[int]]]]]:
    ourselves: list[tuple[str, list[int]]] = []
    enqueue = Enqueue(queue, lambda pipeline, ids: ourselves.append((pipeline, list(ids))))
    task = asyncio.create_task(enqueue.run())
    yield enqueue, ourselves
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def some_turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_what_gathers_goes_as_one_message_of_a_pipeline_of_up_to_fifty_ids() -> None:
    queue = Queue()
    async with enqueue_to(queue) as (enqueue, _):
        for delivery_id in range(70):
            enqueue.put("a", [delivery_id])
        enqueue.put("b", [99])
        enqueue.put("b", [])
        await some_turns()
    assert [(pipeline, len(ids)) for pipeline, ids in queue.sent] == [("a", 50), ("a", 20), ("b", 1)]


async def test_a_queue_that_hangs_delays_nobody_and_holds_a_bounded_number() -> None:
    queue = Queue()
    queue.hangs = asyncio.Event()
    async with enqueue_to(queue) as (enqueue, _):
        enqueue.put("a", [0])
        await some_turns()
        for batch in range(50):
            enqueue.put("a", range(batch * 1000, batch * 1000 + 1000))
        assert enqueue.pending <= 21_000


async def test_what_an_unreachable_queue_does_not_take_this_process_works_on_itself() -> None:
    queue = Queue()
    queue.refuses = True
    async with enqueue_to(queue) as (enqueue, ourselves):
        enqueue.put("a", [1])
        await some_turns()
        assert (ourselves, enqueue.reachable) == ([("a", [1])], False)
        queue.refuses = False
        enqueue.put("a", [2])
        await some_turns()
        assert (queue.sent, enqueue.reachable) == ([("a", [2])], True)
