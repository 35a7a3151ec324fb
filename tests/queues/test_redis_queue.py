"""The queue in a real Valkey: prompt, private to its instance, and never longer silent than it says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from engine.errors import QueueUnreachable
from engine.queues import open_queue
from engine.queues.queue import MessageQueue
from tests.queues.collected import Collected
from tests.redis_server import RedisServer, redis_running


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with redis_running() as running:
        yield running


@asynccontextmanager
async def queue_of(
    server: RedisServer, instance: str = "acme", worker: Collected | None = None
) -> AsyncIterator[MessageQueue]:
    """A queue that hands to `worker`; without one it only sends."""
    queue = open_queue(server.url, instance)
    await queue.start(worker)
    try:
        yield queue
    finally:
        await queue.stop()
        await queue.close()


async def test_every_id_that_is_sent_reaches_a_worker_once(server: RedisServer) -> None:
    workers = [Collected(), Collected()]
    async with queue_of(server, worker=workers[0]), queue_of(server, worker=workers[1]), queue_of(server) as sender:
        for start in range(0, 1000, 50):
            await sender.send("hss", range(start, start + 50))
        while sum(len(worker.ids) for worker in workers) < 1000:
            await asyncio.sleep(0.01)
        assert sorted(workers[0].ids + workers[1].ids) == list(range(1000))
        assert await sender.depth() == 0
    assert {key for key in server.all_keys() if key.endswith((".msgs", ".DQ", ".XQ")) or "__acks__" in key} == set()


async def test_two_instances_on_one_server_never_meet(server: RedisServer) -> None:
    acme, other = Collected(), Collected()
    async with queue_of(server, "acme", acme) as to_acme, queue_of(server, "acme-2", other) as to_other:
        await to_acme.send("hss", [1])
        await to_other.send("hss", [2])
        await acme.until(lambda: acme.ids == [1])
        await other.until(lambda: other.ids == [2])
        await to_acme.depth()
        keys = server.all_keys()
    assert keys and all(key.startswith(("nsps:acme:", "nsps:acme-2:")) for key in keys)


async def test_what_was_fetched_and_not_handed_over_goes_back_at_a_stop(server: RedisServer) -> None:
    first, second = Collected(), Collected()
    async with queue_of(server, worker=first) as queue:
        sending = [asyncio.ensure_future(queue.send("hss", [number])) for number in range(200)]
        await first.until(lambda: len(first.taken) > 5)
        await queue.stop()
        await asyncio.gather(*sending)
    async with queue_of(server, worker=second):
        await second.until(lambda: sorted(first.ids + second.ids) == list(range(200)))
    assert not {key for key in server.all_keys() if "__acks__" in key}


async def test_a_wiped_server_loses_hints_and_nothing_else(server: RedisServer) -> None:
    worker = Collected()
    async with queue_of(server, worker=worker) as queue:
        await queue.send("hss", [1])
        await worker.until(lambda: worker.ids == [1])
        server.flush()
        await queue.send("hss", [2])
        await worker.until(lambda: worker.ids == [1, 2])


async def test_a_server_that_is_away_is_said_so_at_once_and_used_again_when_it_is_back(server: RedisServer) -> None:
    worker = Collected()
    async with queue_of(server, worker=worker) as queue:
        server.kill()
        for ask in (queue.depth(), queue.send("hss", [1])):
            with pytest.raises(QueueUnreachable):
                await ask
        server.start()
        await queue.send("hss", [2])
        await worker.until(lambda: worker.ids == [2])


async def test_a_server_that_hangs_is_given_up_in_time_and_holds_neither_the_loop_nor_the_stop(
    server: RedisServer,
) -> None:
    worker, loop = Collected(), asyncio.get_running_loop()
    async with queue_of(server, worker=worker) as queue:
        await queue.send("hss", [1])
        await worker.until(lambda: worker.ids == [1])
        server.freeze()
        began, longest = loop.time(), 0.0
        asked = [asyncio.ensure_future(queue.send("hss", [number])) for number in range(5)]
        while not all(task.done() for task in asked):
            before = time.monotonic()
            await asyncio.sleep(0.01)
            longest = max(longest, time.monotonic() - before)
        assert [type(task.exception()) for task in asked] == [QueueUnreachable] * 5
        assert loop.time() - began < 10
        assert longest < 1
        stopping = loop.time()
    assert loop.time() - stopping < 15
    server.thaw()


async def test_a_full_server_is_unreachable_before_a_message_is_lost_in_it(server: RedisServer) -> None:
    async with queue_of(server) as queue:
        with server.client() as client:
            client.config_set("maxmemory-policy", "noeviction")
            client.config_set("maxmemory", "1")
            for ask in (queue.depth(), queue.send("hss", [1])):
                with pytest.raises(QueueUnreachable, match="maxmemory"):
                    await ask
            client.config_set("maxmemory", "0")
        await queue.send("hss", [2])
        assert await queue.depth() == 1


async def test_a_read_only_server_is_unreachable(server: RedisServer) -> None:
    async with queue_of(server) as queue:
        with server.client() as client:
            client.replicaof("127.0.0.1", "1")
        for ask in (queue.depth(), queue.send("hss", [1])):
            with pytest.raises(QueueUnreachable):
                await ask


async def test_a_message_of_another_make_is_forgotten_and_the_next_one_comes(server: RedisServer) -> None:
    worker = Collected()
    async with queue_of(server, worker=worker) as queue:
        with server.client() as client:
            client.hset("nsps:acme:deliveries.msgs", "strange", b'{"not": "ours"}')
            client.rpush("nsps:acme:deliveries", "strange")
        await queue.send("hss", [1])
        await worker.until(lambda: worker.ids == [1])
