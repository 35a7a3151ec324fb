"""The queue in a real RabbitMQ, where one is installed: bounded, private to its instance, used again after whatever ailed it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from engine.errors import QueueUnreachable
from engine.queues import open_queue
from engine.queues.examining import examine
from engine.queues.queue import MessageQueue
from tests.postgres import new_instance
from tests.queues.collected import Collected
from tests.queues.pika_leavings import MARKS, swept
from tests.rabbitmq_server import RabbitServer, rabbitmq

__all__ = ["rabbitmq", "swept"]  # fixtures

pytestmark = MARKS

RECONNECTS_WITHIN_S = 60


@asynccontextmanager
async def queue_of(server: RabbitServer, instance: str, worker: Collected | None = None) -> AsyncIterator[MessageQueue]:
    """A queue that hands to `worker`; without one it only sends."""
    queue = open_queue(server.url, instance)
    await queue.start(worker)
    try:
        yield queue
    finally:
        await queue.stop()
        await queue.close()


async def back(queue: MessageQueue) -> int:
    """How many messages wait, as soon as it says so again."""
    async with asyncio.timeout(RECONNECTS_WITHIN_S):
        while True:
            try:
                return await queue.depth()
            except QueueUnreachable:
                await asyncio.sleep(0.1)


async def test_every_id_that_is_sent_reaches_a_worker_once_and_no_other_queue_is_made(rabbitmq: RabbitServer) -> None:
    workers, name = [Collected(), Collected()], new_instance()
    async with (
        queue_of(rabbitmq, name, workers[0]),
        queue_of(rabbitmq, name, workers[1]),
        queue_of(rabbitmq, name) as sender,
    ):
        for start in range(0, 1000, 50):
            await sender.send("hss", range(start, start + 50))
        async with asyncio.timeout(RECONNECTS_WITHIN_S):
            while sum(len(worker.ids) for worker in workers) < 1000:
                await asyncio.sleep(0.01)
        assert sorted(workers[0].ids + workers[1].ids) == list(range(1000))
        assert await sender.depth() == 0
    assert {one for one in rabbitmq.queues() if name in one} == {f"nsps.{name}"}


async def test_two_instances_on_one_server_never_meet(rabbitmq: RabbitServer) -> None:
    acme, other, name = Collected(), Collected(), new_instance()
    async with (
        queue_of(rabbitmq, name, acme) as to_acme,
        queue_of(rabbitmq, f"{name}-2", other) as to_other,
    ):
        await to_acme.send("hss", [1])
        await to_other.send("hss", [2])
        await acme.until(lambda: acme.ids == [1])
        await other.until(lambda: other.ids == [2])


async def test_what_was_fetched_and_not_handed_over_goes_back_at_a_stop(rabbitmq: RabbitServer) -> None:
    first, second, name = Collected(), Collected(), new_instance()
    async with queue_of(rabbitmq, name, first) as queue:
        sending = [asyncio.ensure_future(queue.send("hss", [number])) for number in range(200)]
        await first.until(lambda: len(first.taken) > 5)
        await queue.stop()
        await asyncio.gather(*sending)
    async with queue_of(rabbitmq, name, second):
        await second.until(lambda: set(first.ids + second.ids) == set(range(200)))


async def test_a_queue_that_is_deleted_is_made_again_and_consumed(rabbitmq: RabbitServer) -> None:
    worker, name = Collected(), new_instance()
    async with queue_of(rabbitmq, name, worker) as queue:
        await queue.send("hss", [1])
        await worker.until(lambda: worker.ids == [1])
        await asyncio.to_thread(rabbitmq.control, "delete_queue", f"nsps.{name}")
        await back(queue)
        await queue.send("hss", [2])
        await worker.until(lambda: worker.ids == [1, 2])


@pytest.mark.parametrize("wiped", [False, True], ids=["with its data", "without its data"])
async def test_a_killed_server_is_said_to_be_away_and_used_again_when_it_is_back(
    rabbitmq: RabbitServer, wiped: bool
) -> None:
    worker = Collected()
    async with queue_of(rabbitmq, new_instance(), worker) as queue:
        await queue.send("hss", [1])
        await worker.until(lambda: worker.ids == [1])
        rabbitmq.kill()
        for ask in (queue.depth(), queue.send("hss", [2])):
            with pytest.raises(QueueUnreachable):
                await ask
        if wiped:
            rabbitmq.wipe()
        await asyncio.to_thread(rabbitmq.start)
        await back(queue)
        await queue.send("hss", [3])
        await worker.until(lambda: 3 in worker.ids, RECONNECTS_WITHIN_S)


async def test_a_server_that_hangs_is_given_up_and_used_again_when_it_is_back(rabbitmq: RabbitServer) -> None:
    worker = Collected()
    async with queue_of(rabbitmq, new_instance(), worker) as queue:
        await queue.depth()
        rabbitmq.freeze()
        try:
            for _ in range(2):
                with pytest.raises(QueueUnreachable):
                    await queue.depth()
        finally:
            rabbitmq.thaw()
        await back(queue)
        await queue.send("hss", [1])
        await worker.until(lambda: worker.ids == [1], RECONNECTS_WITHIN_S)


async def test_a_full_server_is_unreachable_and_used_again_when_it_has_room(rabbitmq: RabbitServer) -> None:
    worker = Collected()
    async with queue_of(rabbitmq, new_instance(), worker) as queue:
        await queue.depth()
        await asyncio.to_thread(rabbitmq.full, True)
        try:
            with pytest.raises(QueueUnreachable):
                for number in range(20):
                    await queue.send("hss", [number])
                    await queue.depth()
        finally:
            await asyncio.to_thread(rabbitmq.full, False)
        await back(queue)
        await queue.send("hss", [100])
        await worker.until(lambda: 100 in worker.ids, RECONNECTS_WITHIN_S)


async def test_the_doctor_says_what_waits(rabbitmq: RabbitServer) -> None:
    (found,) = await examine(rabbitmq.url, new_instance())
    assert (found.standing, found.what) == ("ok", "the queue is RabbitMQ and takes messages; 0 wait")
