"""Replies shared and kept, never older than the event they serve."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from engine.cache import Cache
from engine.clock import VirtualClock
from engine.errors import Wait
from engine.request import Reply

NOON = datetime(2025, 5, 1, 12, tzinfo=UTC)


class World:
    """A clock, a cache, and a system that answers with how often it was asked."""

    def __init__(self) -> None:
        self.clock = VirtualClock(NOON)
        self.cache = Cache(self.clock)
        self.asked = 0
        self.status = 200
        self.open = asyncio.Event()
        self.open.set()

    async def ask(self) -> Reply:
        self.asked += 1
        mine, at = self.asked, self.clock.now()
        await self.open.wait()
        return Reply(status=self.status, body=mine, text=str(mine), asked_at=at)

    async def serve(self, received_s: float = 0, ttl_s: float = 5, key: str = "k") -> Reply:
        return await self.cache.serve(key, NOON + timedelta(seconds=received_s), ttl_s, self.ask)

    def at(self, seconds: float) -> None:
        self.clock.move_to(NOON + timedelta(seconds=seconds))


@pytest.fixture
async def world() -> World:
    return World()


async def test_an_answer_serves_for_its_time(world):
    world.at(1)
    first, second = await world.serve(), await world.serve()
    assert (first.body, first.source, second.body, second.source) == (1, "wire", 1, "cache")
    world.at(6)
    assert (await world.serve()).body == 2


async def test_the_second_of_two_quick_changes_is_never_served_what_was_read_for_the_first(world):
    world.at(1)
    assert (await world.serve(received_s=0)).body == 1  # the first event's reading, at 1 s
    world.at(2.5)
    assert (await world.serve(received_s=2)).body == 2  # the change behind the second event came after it
    assert (await world.serve(received_s=2)).body == 2
    assert (await world.serve(received_s=0)).body == 2  # newer than needed is fine


async def test_a_request_under_way_before_the_event_came_does_not_serve_it_either(world):
    world.at(1)
    world.open.clear()
    first = asyncio.create_task(world.serve(received_s=0))
    await asyncio.sleep(0)
    world.at(3)
    second = asyncio.create_task(world.serve(received_s=2))
    third = asyncio.create_task(world.serve(received_s=2))
    await asyncio.sleep(0)
    world.open.set()
    assert [(await task).body for task in (first, second, third)] == [1, 2, 2]
    assert world.asked == 2
    assert (await world.serve(received_s=2)).body == 2  # the first one's late answer did not replace the newer


async def test_who_asks_the_same_at_once_is_answered_by_one_request(world):
    world.open.clear()
    tasks = [asyncio.create_task(world.serve()) for _ in range(10)]
    await asyncio.sleep(0)
    world.open.set()
    assert {(await task).body for task in tasks} == {1}


async def test_other_questions_are_other_requests(world):
    await asyncio.gather(world.serve(key="a"), world.serve(key="b"))
    assert world.asked == 2


@pytest.mark.parametrize("status", [400, 404, 429, 500])
async def test_a_failure_is_shared_but_not_kept(world, status):
    world.status = status
    await world.serve()
    await world.serve()
    assert world.asked == 2


async def test_without_an_instant_to_compare_with_nothing_is_shared(world):
    await world.cache.serve("k", None, 5, world.ask)
    await world.cache.serve("k", None, 5, world.ask)
    assert world.asked == 2


async def test_when_the_one_who_asks_is_cancelled_another_asks(world):
    world.open.clear()
    first = asyncio.create_task(world.serve())
    await asyncio.sleep(0)
    second = asyncio.create_task(world.serve())
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    world.open.set()
    assert (await second).body == 2
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_one_who_only_waited_may_leave_without_harm(world):
    world.open.clear()
    first = asyncio.create_task(world.serve())
    second = asyncio.create_task(world.serve())
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.sleep(0)
    world.open.set()
    assert (await first).body == 1
    with pytest.raises(asyncio.CancelledError):
        await second


async def test_who_shares_a_request_shares_its_wait_and_the_next_asks_anew(world):
    async def refuse() -> Reply:
        await world.open.wait()
        raise Wait(NOON, "breaker")

    world.open.clear()
    tasks = [asyncio.create_task(world.cache.serve("k", NOON, 5, refuse)) for _ in range(3)]
    await asyncio.sleep(0)
    world.open.set()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) for one in ended] == [Wait] * 3
    assert (await world.serve()).body == 1


async def test_what_is_over_is_dropped(world):
    for number in range(50):
        world.at(number)
        await world.serve(key=f"k{number}", ttl_s=5)
    assert len(world.cache) <= 6
