from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from engine.errors import WrongUse
from engine.working.embedded import EmbeddedQueue, check_queue, queue_name


async def test_ids_reach_the_actor_on_the_loop_that_sent_them() -> None:
    taken: list[tuple[str, list[int]]] = []
    loops: set[asyncio.AbstractEventLoop] = set()
    done = asyncio.Event()

    async def take(pipeline: str, ids: Sequence[int]) -> None:
        loops.add(asyncio.get_running_loop())
        taken.append((pipeline, list(ids)))
        if len(taken) == 2:
            done.set()

    queue = EmbeddedQueue("acme prod/1", take)
    await queue.start()
    await queue.send("a", [1, 2])
    await queue.send("b", (3,))
    await asyncio.wait_for(done.wait(), 10)
    await queue.stop()
    assert sorted(taken) == [("a", [1, 2]), ("b", [3])]
    assert loops == {asyncio.get_running_loop()}


async def test_an_actor_that_raises_loses_a_hint_and_nothing_else() -> None:
    seen: list[str] = []
    done = asyncio.Event()

    async def take(pipeline: str, ids: Sequence[int]) -> None:
        seen.append(pipeline)
        if pipeline == "bad":
            raise ValueError("no")
        done.set()

    queue = EmbeddedQueue("t", take)
    await queue.start()
    await queue.send("bad", [1])
    await queue.send("good", [2])
    await asyncio.wait_for(done.wait(), 10)
    await queue.stop()
    assert sorted(seen) == ["bad", "good"]


def test_the_queues_name_carries_the_instance() -> None:
    assert queue_name("acme prod/1") == "nsps_acme_prod_1"


def test_a_queue_this_version_does_not_have_is_refused_with_what_to_write() -> None:
    check_queue("embedded")
    for url, named in (("redis://host", "Redis"), ("amqp://user:pw@host", "RabbitMQ"), ("kafka://x", "'kafka'")):
        with pytest.raises(WrongUse, match=named) as refused:
            check_queue(url)
        assert "embedded" in str(refused.value)
        assert "pw" not in str(refused.value)
