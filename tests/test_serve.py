"""Receivers and workers as processes of their own: what is killed, wiped, frozen or away costs time and never an event."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import RedisServer, cluster, redis_running, until


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with redis_running() as running:
        yield running


@pytest.fixture
def store(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/shared.db"


async def test_what_a_killed_worker_held_is_delivered_by_the_others(
    tmp_path: Path, server: RedisServer, store: str
) -> None:
    async with cluster(tmp_path, store, server) as one:
        await one.receiver()
        victim, _ = await one.worker(), await one.worker()
        load = asyncio.create_task(one.post(*range(1, 401)))
        await until(lambda: len(one.delivered) > 50, lambda: "nothing moves")
        victim.kill()
        await load
        assert len(one.accepted) == 400
        await one.all_delivered()
        assert one.keys_agree()


async def test_a_wiped_queue_under_load_loses_nothing(tmp_path: Path, server: RedisServer, store: str) -> None:
    async with cluster(tmp_path, store, server) as one:
        await one.receiver()
        await one.worker()
        load = asyncio.create_task(one.post(*range(1, 401)))
        for seen in (50, 150, 250):
            await until(lambda seen=seen: len(one.accepted) > seen, lambda: "nothing moves")  # type: ignore[misc]
            server.flush()
        await load
        assert len(one.accepted) == 400
        await one.all_delivered()


async def test_while_the_queue_is_away_events_are_taken_and_delivered_and_then_by_the_queue_again(
    tmp_path: Path, server: RedisServer, store: str
) -> None:
    async with cluster(tmp_path, store, server) as one:
        receiver, worker = await one.receiver(), await one.worker()
        await one.post(*range(1, 21))
        server.kill()
        await one.post(*range(21, 121))
        await one.all_delivered()
        server.start()
        await until(
            lambda: all("takes messages again" in part.log for part in (receiver, worker)), lambda: "it was not noticed"
        )
        await one.post(*range(121, 141))
        await one.all_delivered()
        assert len(one.accepted) == 140


async def test_a_frozen_queue_delays_no_answer_and_no_delivery(tmp_path: Path, server: RedisServer, store: str) -> None:
    async with cluster(tmp_path, store, server) as one:
        await one.receiver()
        await one.worker()
        await one.post(1)
        await one.all_delivered()
        server.freeze()
        await one.post(*range(2, 102))  # each must be answered within two seconds
        assert len(one.accepted) == 101
        await one.all_delivered(within_s=20)
        server.thaw()


async def test_a_worker_that_is_stopped_finishes_what_it_began_and_hands_the_rest_to_the_others(
    tmp_path: Path, server: RedisServer, store: str
) -> None:
    async with cluster(tmp_path, store, server) as one:
        receiver, worker = await one.receiver(), await one.worker()
        one.target.answers = ["hang"]
        await one.post(1)
        await one.target.came.wait()
        stopping = asyncio.create_task(worker.terminate())
        await until(lambda: "finishing what is in flight" in worker.log, lambda: worker.log)
        await one.post(2)
        await one.worker()
        await one.all_delivered()
        assert not stopping.done()
        one.target.let_go.set()
        assert await stopping == 0
        assert await receiver.terminate() == 0
        assert len(one.target.requests) == 2, "what was finished is not sent again"


async def test_two_instances_on_one_queue_never_meet(tmp_path: Path, server: RedisServer, store: str) -> None:
    other_store = f"sqlite:///{tmp_path}/other.db"
    async with cluster(tmp_path, store, server) as one, cluster(tmp_path, other_store, server, "acme-2") as two:
        for system in (one, two):
            await system.receiver()
            await system.worker()
        await asyncio.gather(one.post(*range(1, 101)), two.post(*range(1001, 1101)))
        for system in (one, two):
            await system.all_delivered()
            assert system.delivered == system.accepted
        assert len(one.accepted | two.accepted) == 200
