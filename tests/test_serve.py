"""Receivers and workers as processes of their own: what is killed, wiped, frozen or away costs time and never an event."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from engine.storage.postgresql import schema_of
from tests.cluster import Cluster, cluster, until
from tests.postgres import Server, new_instance, postgres
from tests.redis_server import RedisServer, redis_running

__all__ = ["postgres"]  # a fixture


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with redis_running() as running:
        yield running


@pytest.fixture
async def one(tmp_path: Path, server: RedisServer, postgres: Server) -> AsyncIterator[Cluster]:
    """A system without processes yet."""
    async with cluster(tmp_path, postgres.url, server, new_instance()) as system:
        yield system


async def test_what_a_killed_worker_held_goes_on_with_its_siblings_and_it_is_started_again(one: Cluster) -> None:
    _, workers = await one.start(workers=2)
    load = asyncio.create_task(one.post(*range(1, 401)))
    await until(lambda: len(one.delivered) > 50, lambda: "nothing moves")
    os.kill(workers.pids[0], signal.SIGKILL)
    await load
    assert len(one.accepted) == 400
    await one.all_delivered()
    assert one.keys_agree()
    await until(lambda: len(workers.pids) == 3, lambda: "it was not started again")
    assert await workers.terminate() == 0


async def test_a_worker_whose_supervisor_was_killed_stops_by_itself(one: Cluster) -> None:
    workers = await one.worker(2)
    workers.process.kill()
    await workers.process.wait()
    await until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers.pids), lambda: workers.log)


async def test_a_wiped_queue_under_load_loses_nothing_and_the_ledger_has_no_gap(
    one: Cluster, server: RedisServer
) -> None:
    await one.start()
    load = asyncio.create_task(one.post(*range(1, 401)))
    for seen in (50, 150, 250):
        await until(lambda seen=seen: len(one.accepted) > seen, lambda: "nothing moves")  # type: ignore[misc]
        server.flush()
    await load
    assert len(one.accepted) == 400
    await one.all_delivered()
    assert await one.says("audit") == (
        0,
        "no gap since the beginning: every request, event and delivery is accounted for",
    )


async def test_while_the_queue_is_away_events_are_taken_and_delivered_and_then_by_the_queue_again(
    one: Cluster, server: RedisServer
) -> None:
    receiver, worker = await one.start()
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


async def test_a_frozen_queue_delays_no_answer_and_no_delivery(one: Cluster, server: RedisServer) -> None:
    await one.start()
    await one.post(1)
    await one.all_delivered()
    server.freeze()
    async with asyncio.timeout(15):  # 5 rounds of 20 at once: less than a wait of 3 s for the queue in each
        await one.post(*range(2, 102))
    assert len(one.accepted) == 101
    await one.all_delivered()
    server.thaw()


async def test_a_worker_that_is_stopped_finishes_what_it_began_and_leaves_the_rest_to_the_others(one: Cluster) -> None:
    receiver, worker = await one.start()
    one.target.answers = ["hang"]
    await one.post(1)
    await one.target.came.wait()
    await one.worker()
    stopping = asyncio.create_task(worker.terminate())
    await until(lambda: "finishing what is in flight" in worker.log, lambda: worker.log)
    await one.post(2)
    await one.all_delivered()
    assert not stopping.done()
    one.target.let_go.set()
    assert await stopping == 0
    assert await receiver.terminate() == 0
    assert len(one.target.requests) == 2, "what was finished is not sent again"


async def test_a_signal_to_every_process_of_a_worker_at_once_ends_none_of_them_early(one: Cluster) -> None:
    _, worker = await one.start(workers=2)
    one.target.answers = ["hang"]
    await one.post(1)
    await one.target.came.wait()
    stopping = asyncio.create_task(worker.terminate())
    await until(lambda: "finishing what is in flight" in worker.log, lambda: worker.log)
    for pid in worker.pids:
        with suppress(ProcessLookupError):  # the one that had nothing in flight
            os.kill(pid, signal.SIGTERM)
    one.target.let_go.set()
    assert await stopping == 0, (
        "systemd tells all processes of a service, and the supervisor tells its workers once more"
    )


async def test_two_instances_on_one_queue_and_one_database_never_meet(
    one: Cluster, tmp_path: Path, server: RedisServer, postgres: Server
) -> None:
    async with cluster(tmp_path, postgres.url, server, f"{one.instance}-2") as two:
        await asyncio.gather(one.start(), two.start())
        await asyncio.gather(one.post(*range(1, 101)), two.post(*range(51, 151)))
        for system in (one, two):
            await system.all_delivered()
            assert system.delivered == system.accepted
            assert len(system.target.requests) == 100
    with psycopg.connect(postgres.url) as connection:
        schemas = {row[0] for row in connection.execute("SELECT nspname FROM pg_namespace").fetchall()}
    assert {schema_of(system.instance) for system in (one, two)} <= schemas
    names = (f"nsps:{one.instance}:", f"nsps:{two.instance}:")
    assert all(key.startswith(names) for key in server.all_keys())
