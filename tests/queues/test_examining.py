from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine.errors import WrongUse
from engine.queues import open_queue
from engine.queues.examining import examine
from tests.redis_server import RedisServer, redis_running


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with redis_running() as running:
        yield running


async def test_a_server_that_will_do_is_told_with_its_version_and_what_waits(server: RedisServer) -> None:
    (found,) = await examine(server.url, "acme")
    assert found.standing == "ok"
    assert found.what.startswith("the queue is Valkey ") and found.what.endswith("takes messages; 0 wait")


async def test_a_server_that_drops_messages_when_it_is_full_is_noted_with_what_to_set(server: RedisServer) -> None:
    with server.client() as client:
        client.config_set("maxmemory", "100mb")
        for policy, notes in (("allkeys-lru", 1), ("volatile-lru", 0), ("noeviction", 0)):
            client.config_set("maxmemory-policy", policy)
            found = [one for one in await examine(server.url, "acme") if one.standing == "note"]
            assert len(found) == notes
            assert all(policy in one.what and "noeviction" in one.do for one in found)


async def test_a_server_that_is_away_or_hangs_is_said_so_in_time(server: RedisServer) -> None:
    server.freeze()
    hanging = await examine(server.url, "acme")
    server.thaw()
    server.kill()
    for (found,) in (hanging, await examine(server.url, "acme"), await examine("amqp://127.0.0.1:1", "acme")):
        assert found.standing == "note"
        assert "does not take messages" in found.what and "NSPS_QUEUE" in found.do


async def test_a_queue_nobody_knows_is_refused_with_what_to_write_and_no_password() -> None:
    for url in ("kafka://user:hidden@x", "redis://user:hidden@host:port", "amqp://user:hidden@host:port"):
        with pytest.raises(WrongUse) as refused:
            open_queue(url, "acme")
        assert "hidden" not in str(refused.value)
        assert "queue: " in str(refused.value)
