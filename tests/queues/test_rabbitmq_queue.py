"""What we say to RabbitMQ, and how we take its absence, on every machine; test_real_rabbitmq.py asks a real one."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from engine.errors import QueueUnreachable
from engine.queues import open_queue
from engine.queues.queue import MessageQueue
from engine.queues.rabbitmq_queue import parameters_of
from tests.queues.amqp_server import AmqpServer
from tests.queues.collected import Collected
from tests.queues.pika_leavings import MARKS, swept

__all__ = ["swept"]  # a fixture

pytestmark = MARKS


@pytest.fixture
async def server() -> AsyncIterator[AmqpServer]:
    one = AmqpServer()
    await one.start()
    yield one
    await one.stop()


@asynccontextmanager
async def queue_of(url: str, instance: str = "acme", worker: Collected | None = None) -> AsyncIterator[MessageQueue]:
    queue = open_queue(url, instance)
    await queue.start(worker)
    try:
        yield queue
    finally:
        await queue.stop()
        await queue.close()


async def test_every_id_that_is_sent_reaches_a_worker_once_and_the_queue_is_bounded(server: AmqpServer) -> None:
    worker = Collected()
    async with queue_of(server.url, worker=worker) as queue, queue_of(server.url) as sender:
        for start in range(0, 500, 50):
            await sender.send("hss", range(start, start + 50))
        await worker.until(lambda: worker.ids == list(range(500)))
        assert await queue.depth() == 0
    assert list(server.queues) == ["nsps.acme"], "no queue of delays, none of dead letters"
    assert server.arguments["nsps.acme"] == {"x-max-length": 20_000, "x-overflow": "drop-head"}


async def test_two_instances_on_one_server_never_meet(server: AmqpServer) -> None:
    acme, other = Collected(), Collected()
    async with queue_of(server.url, "acme", acme) as to_acme, queue_of(server.url, "acme-2", other) as to_other:
        await to_acme.send("hss", [1])
        await to_other.send("hss", [2])
        await acme.until(lambda: acme.ids == [1])
        await other.until(lambda: other.ids == [2])


async def test_a_server_that_is_away_is_said_so_and_used_again_when_it_is_back(server: AmqpServer) -> None:
    worker = Collected()
    async with queue_of(server.url, worker=worker) as queue:
        await queue.send("hss", [1])
        await worker.until(lambda: worker.ids == [1])
        await server.stop()
        for ask in (queue.depth(), queue.send("hss", [2])):
            with pytest.raises(QueueUnreachable):
                await ask
        await server.start()
        await queue.depth()
        await queue.send("hss", [3])
        await worker.until(lambda: worker.ids == [1, 3])


async def test_a_server_that_hangs_is_given_up_in_time(server: AmqpServer) -> None:
    loop = asyncio.get_running_loop()
    async with queue_of(server.url) as queue:
        await queue.depth()
        server.frozen = True
        began = loop.time()
        for _ in range(2):
            with pytest.raises(QueueUnreachable):
                await queue.depth()
        assert loop.time() - began < 10
        server.frozen = False
        await server.stop()


async def test_one_that_takes_connections_and_never_answers_is_unreachable_however_often_it_is_asked() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with queue_of(f"amqp://guest:guest@127.0.0.1:{silent.getsockname()[1]}/?stack_timeout=0.2") as queue:
            for ask in (queue.depth, queue.depth, lambda: queue.send("hss", [1])):
                with pytest.raises(QueueUnreachable):
                    await ask()


async def gone(server: AmqpServer) -> None:
    """Returns when nobody is connected any more."""
    async with asyncio.timeout(20):
        while server.connections:
            await asyncio.sleep(0.01)


async def test_no_connection_is_left_behind_where_the_server_closed_a_channel(server: AmqpServer) -> None:
    worker = Collected()
    async with queue_of(server.url, worker=worker) as queue:
        await queue.send("hss", [1])
        await worker.until(lambda: worker.ids == [1])
        server.close_channels()
        await queue.send("hss", [2])
        await worker.until(lambda: 2 in worker.ids)
        assert server.connections <= 3, "what is sent, what is consumed, and where its queue was declared"
    await gone(server)


async def test_a_queue_that_is_closed_while_its_server_hangs_leaves_none_behind_once_it_answers(
    server: AmqpServer,
) -> None:
    queue = open_queue(f"{server.url}?blocked_connection_timeout=60&heartbeat=60", "acme")
    await queue.depth()
    server.frozen = True
    with pytest.raises(QueueUnreachable):
        await queue.depth()
    await queue.close()
    assert server.connections == 1
    server.thaw()
    await gone(server)


async def test_a_worker_writes_no_traceback_of_a_server_that_never_answers(caplog: pytest.LogCaptureFixture) -> None:
    came = asyncio.Queue[None]()
    held = []

    def taken(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)
        came.put_nowait(None)

    silent = await asyncio.start_server(taken, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    async with queue_of(f"amqp://guest:guest@127.0.0.1:{port}/?stack_timeout=0.2", worker=Collected()):
        for _ in range(2):  # it tries again: what became of the first is written by then
            await asyncio.wait_for(came.get(), 20)
    for writer in held:
        writer.close()
    silent.close()
    assert [record.getMessage() for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")] == []


def test_what_the_address_says_itself_stays() -> None:
    parameters = parameters_of("amqp://u:p@host/vhost?heartbeat=60&connection_attempts=3")
    assert (parameters.heartbeat, parameters.connection_attempts, parameters.stack_timeout) == (60, 3, 3.0)
    assert parameters_of("amqps://host").ssl_options is not None
