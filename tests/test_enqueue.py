from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress

from engine.enqueue import Enqueue
from engine.errors import QueueUnreachable, StoreUnavailable


class Queue:
    """A queue in a list, which may refuse or hang."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, list[int]]] = []
        self.refuses = False
        self.hangs: asyncio.Event | None = None
        self.waiting = 0
        self.asked = 0

    async def send(self, pipeline: str, ids: Sequence[int], /) -> None:
        self.asked += 1
        if self.hangs:
            await self.hangs.wait()
        if self.refuses:
            raise QueueUnreachable("connection refused")
        self.sent.append((pipeline, list(ids)))

    async def depth(self) -> int:
        if self.refuses:
            raise QueueUnreachable("connection refused")
        return self.waiting


async def no_rest(_sent: int) -> None:
    return


@asynccontextmanager
async def enqueue_to(
    queue: Queue, rest: Callable[[int], Awaitable[None]] = no_rest
) -> AsyncIterator[tuple[Enqueue, list[tuple[str, list[int]]]]]:
    ourselves: list[tuple[str, list[int]]] = []
    enqueue = Enqueue(queue, lambda pipeline, ids: ourselves.append((pipeline, list(ids))), rest=rest)
    task = asyncio.create_task(enqueue.run())
    yield enqueue, ourselves
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def some_turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_what_gathers_goes_as_one_message_of_a_pipeline_of_up_to_a_hundred_ids() -> None:
    queue = Queue()
    async with enqueue_to(queue) as (enqueue, _):
        for delivery_id in range(170):
            enqueue.put("a", [delivery_id])
        enqueue.put("b", [99])
        enqueue.put("b", [])
        await some_turns()
    assert [(pipeline, len(ids)) for pipeline, ids in queue.sent] == [("a", 100), ("a", 70), ("b", 1)]


async def test_what_comes_soon_after_others_waits_for_its_like_and_leaves_together() -> None:
    queue, rested = Queue(), asyncio.Event()
    counts: list[int] = []

    async def rest(sent: int) -> None:
        counts.append(sent)
        await rested.wait()

    async with enqueue_to(queue, rest) as (enqueue, _):
        enqueue.put("a", [1])
        await some_turns()
        assert queue.sent == [("a", [1])], "the first leaves at once"
        for delivery_id in range(2, 6):
            enqueue.put("a", [delivery_id])
            await some_turns()
        assert len(queue.sent) == 1
        rested.set()
        await some_turns()
    assert queue.sent[1:] == [("a", [2, 3, 4, 5])]
    assert counts == [1, 4]


async def test_a_queue_that_hangs_delays_nobody_and_holds_a_bounded_number() -> None:
    queue = Queue()
    queue.hangs = asyncio.Event()
    async with enqueue_to(queue) as (enqueue, _):
        enqueue.put("a", [0])
        await some_turns()
        for batch in range(50):
            enqueue.put("a", range(batch * 1000, batch * 1000 + 1000))
        assert enqueue.pending <= 21_000


async def test_what_an_unreachable_queue_does_not_take_goes_to_this_process_and_it_is_not_asked_for_each() -> None:
    queue = Queue()
    queue.refuses = True
    async with enqueue_to(queue) as (enqueue, ourselves):
        enqueue.put("a", range(500))
        await some_turns()
        assert sorted(one for _, ids in ourselves for one in ids) == list(range(500))
        assert (queue.asked, enqueue.reachable) == (1, False)


async def test_a_queue_that_is_back_is_used_again_and_one_that_goes_is_noticed_before_an_event_is() -> None:
    queue = Queue()
    async with enqueue_to(queue) as (enqueue, ourselves):
        queue.refuses = True
        await watched(enqueue)
        enqueue.put("a", [1])
        await some_turns()
        assert (queue.asked, ourselves) == (0, [("a", [1])])
        queue.refuses = False
        await watched(enqueue)
        enqueue.put("a", [2])
        await some_turns()
        assert (queue.sent, enqueue.reachable) == ([("a", [2])], True)


async def test_a_queue_nobody_empties_is_not_filled_for_ever() -> None:
    queue = Queue()
    async with enqueue_to(queue) as (enqueue, ourselves):
        queue.waiting = 1000
        await watched(enqueue)
        enqueue.put("a", [1])
        await some_turns()
        assert (queue.sent, ourselves, enqueue.reachable) == ([], [("a", [1])], True)
        queue.waiting = 10
        await watched(enqueue)
        enqueue.put("a", [2])
        await some_turns()
        assert queue.sent == [("a", [2])]


async def test_each_time_a_queue_goes_or_is_back_what_it_held_is_looked_for_in_the_store() -> None:
    queue, looked = Queue(), []

    async def forgot() -> None:
        looked.append(queue.refuses)
        if len(looked) == 1:
            raise StoreUnavailable("not now")

    enqueue = Enqueue(queue, lambda _pipeline, _ids: None, forgot)
    await watched(enqueue)
    assert looked == []
    queue.refuses = True
    for _ in range(3):
        await watched(enqueue)
    assert looked == [True, True], "the first time the store was away, too"
    queue.refuses = False
    for _ in range(2):
        await watched(enqueue)
    assert looked == [True, True, False]


async def watched(enqueue: Enqueue) -> None:
    """The queue was asked how it is, once."""
    watch = asyncio.create_task(enqueue.watch())
    await some_turns()
    watch.cancel()
    with suppress(asyncio.CancelledError):
        await watch
