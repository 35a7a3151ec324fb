"""Receivers and workers over a real RabbitMQ, where one is installed: what is killed or away costs time and never an event."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.cluster import Cluster, cluster, until
from tests.postgres import Server, new_instance, postgres
from tests.rabbitmq_server import RabbitServer, rabbitmq

__all__ = ["postgres", "rabbitmq"]  # fixtures


@pytest.fixture
async def one(tmp_path: Path, rabbitmq: RabbitServer, postgres: Server) -> AsyncIterator[Cluster]:
    """A system without processes yet."""
    async with cluster(tmp_path, postgres.url, rabbitmq, new_instance()) as system:
        yield system


async def test_what_a_killed_worker_held_goes_on_with_its_siblings(one: Cluster) -> None:
    _, workers = await one.start(workers=2)
    load = asyncio.create_task(one.post(*range(1, 401)))
    await until(lambda: len(one.delivered) > 50, lambda: "nothing moves")
    os.kill(workers.pids[0], signal.SIGKILL)
    await load
    assert len(one.accepted) == 400
    await one.all_delivered()
    assert one.keys_agree()
    assert await workers.terminate() == 0, workers.log


@pytest.mark.parametrize("wiped", [False, True], ids=["with its data", "without its data"])
async def test_a_killed_queue_under_load_loses_nothing_and_is_used_again(
    one: Cluster, rabbitmq: RabbitServer, wiped: bool
) -> None:
    receiver, worker = await one.start()
    load = asyncio.create_task(one.post(*range(1, 401)))
    await until(lambda: len(one.accepted) > 100, lambda: "nothing moves")
    rabbitmq.kill()
    await load
    assert len(one.accepted) == 400
    await one.all_delivered()
    if wiped:
        rabbitmq.wipe()
    await asyncio.to_thread(rabbitmq.start)
    await until(
        lambda: all("takes messages again" in part.log for part in (receiver, worker)), lambda: "it was not noticed"
    )
    await one.post(*range(401, 501))
    await one.all_delivered()
    assert len(one.accepted) == 500
    assert (await one.says("audit"))[0] == 0
    assert [await part.terminate() for part in (receiver, worker)] == [0, 0]


async def test_a_frozen_queue_delays_no_answer_and_no_delivery(one: Cluster, rabbitmq: RabbitServer) -> None:
    await one.start()
    await one.post(1)
    await one.all_delivered()
    rabbitmq.freeze()
    try:
        await one.post(*range(2, 102))
        assert len(one.accepted) == 101
        await one.all_delivered()
    finally:
        rabbitmq.thaw()


async def test_two_instances_on_one_queue_never_meet(
    one: Cluster, tmp_path: Path, rabbitmq: RabbitServer, postgres: Server
) -> None:
    async with cluster(tmp_path, postgres.url, rabbitmq, f"{one.instance}-2") as two:
        await asyncio.gather(one.start(), two.start())
        await asyncio.gather(one.post(*range(1, 101)), two.post(*range(51, 151)))
        for system in (one, two):
            await system.all_delivered()
            assert system.delivered == system.accepted
            assert len(system.target.requests) == 100
