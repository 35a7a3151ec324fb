from __future__ import annotations

import asyncio

from engine.queues import open_queue
from tests.queues.collected import Collected


async def test_ids_reach_the_worker_on_the_loop_that_started_the_queue() -> None:
    queue, worker = open_queue("embedded", "t"), Collected()
    await queue.start(worker)
    await queue.send("a", [1, 2])
    await queue.send("b", (3,))
    await worker.until(lambda: len(worker.taken) == 2)
    await queue.stop()
    await queue.close()
    assert sorted(worker.taken) == [("a", [1, 2]), ("b", [3])]
    assert worker.loops == {asyncio.get_running_loop()}


async def test_two_embedded_queues_in_one_process_never_meet() -> None:
    queues = [open_queue("embedded", "t") for _ in range(2)]
    workers = [Collected() for _ in queues]
    for queue, worker in zip(queues, workers, strict=True):
        await queue.start(worker)
    await queues[0].send("a", [1])
    await queues[1].send("a", [2])
    for number, worker in enumerate(workers, 1):
        await worker.until(lambda worker=worker: len(worker.taken) == 1)  # type: ignore[misc]
        assert worker.ids == [number]
    for queue in queues:
        await queue.stop()
        await queue.close()
