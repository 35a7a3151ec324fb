"""What a connector's system can bear."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.clock import VirtualClock
from engine.connector import Breaker, Connector, Limits
from engine.errors import Wait
from engine.permits import MemoryPermits, Permit
from engine.ramp import Line
from engine.request import Reply

NOON = datetime(2025, 5, 1, 12, tzinfo=UTC)
OK = Reply(status=200, asked_at=NOON)
DOWN = Reply(status=503, asked_at=NOON)


class World:
    """A clock, permits and one connector."""

    def __init__(self, **settings: Any) -> None:
        self.clock = VirtualClock(NOON)
        self.permits = MemoryPermits(self.clock)
        self.connector = Connector(name="hss", **settings)

    async def take(self) -> Permit:
        return await self.permits.take(self.connector)

    async def call(self, reply: Reply | None = OK) -> Permit:
        permit = await self.take()
        await self.permits.give(permit, reply)
        return permit

    @property
    def passed_s(self) -> float:
        return (self.clock.now() - NOON).total_seconds()

    def pass_s(self, seconds: float) -> None:
        self.clock.move_to(self.clock.now() + timedelta(seconds=seconds))


async def test_without_limits_nothing_waits():
    world = World()
    for _ in range(1000):
        await world.call(DOWN)
    assert world.passed_s == 0


async def test_a_rate_lets_that_many_through_in_any_second():
    world = World(limits=Limits(rate=10))
    instants = []
    for _ in range(40):
        await world.call()
        instants.append(world.passed_s)
    assert instants[9] == 0
    assert all(later - earlier >= 1 for earlier, later in zip(instants, instants[10:], strict=False))
    assert world.passed_s == 3


async def test_a_rate_below_one_a_second_spaces_calls_and_makes_the_delivery_wait():
    world = World(limits=Limits(rate=0.5))
    await world.call()
    with pytest.raises(Wait, match="hss takes one call in 2 seconds") as waits:
        await world.call()
    assert waits.value.until == NOON + timedelta(seconds=2)
    world.pass_s(2)
    await world.call()


async def test_no_more_calls_are_under_way_than_the_limit():
    world = World(limits=Limits(concurrency=2))
    first, _ = await world.take(), await world.take()
    with pytest.raises(Wait, match="hss has all its calls under way"):
        await world.take()
    await world.permits.give(first, OK)
    await world.call()


async def test_a_slot_that_frees_goes_to_who_waited_longest():
    world = World(limits=Limits(concurrency=1))
    holding = await world.take()
    order: list[int] = []

    async def next_(number: int) -> None:
        permit = await world.take()
        order.append(number)
        await world.permits.give(permit, OK)

    tasks = [asyncio.create_task(next_(number)) for number in range(3)]
    await asyncio.sleep(0)
    await world.permits.give(holding, OK)
    await asyncio.gather(*tasks)
    assert order == [0, 1, 2]


async def test_a_cancelled_wait_costs_no_slot():
    world = World(limits=Limits(concurrency=1))
    holding = await world.take()
    waiting = asyncio.create_task(world.take())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await world.permits.give(holding, OK)
    await world.call()


BREAKER = Breaker(failures=3, within_s=30, open_for_s=60)


@pytest.mark.parametrize(
    "failure",
    [
        DOWN,
        Reply(status=429, asked_at=NOON),
        Reply(error="connect", detail="connection refused by hss:80", asked_at=NOON),
        Reply(error="timeout", asked_at=NOON),
        Reply(status=200, error="unreadable", asked_at=NOON),
    ],
)
async def test_failures_in_a_row_open_the_breaker(failure):
    world = World(breaker=BREAKER)
    for _ in range(3):
        await world.call(failure)
    with pytest.raises(Wait, match="breaker of hss is open until 12:01:00 UTC after 3 failures") as waits:
        await world.take()
    assert waits.value.until == NOON + timedelta(seconds=60)


@pytest.mark.parametrize("answer", [OK, Reply(status=404, asked_at=NOON)])
async def test_answers_do_not_open_it(answer):
    world = World(breaker=BREAKER)
    for _ in range(10):
        await world.call(answer)


async def test_failures_far_apart_do_not_open_it():
    world = World(breaker=BREAKER)
    for _ in range(10):
        await world.call(DOWN)
        world.pass_s(16)


async def opened() -> World:
    world = World(breaker=BREAKER)
    for _ in range(3):
        await world.call(DOWN)
    world.pass_s(60)
    return world


async def test_when_its_time_is_over_one_call_tries_and_the_others_wait():
    world = await opened()
    probe = await world.take()
    assert probe.probe
    with pytest.raises(Wait, match="one call is trying"):
        await world.take()
    await world.permits.give(probe, OK)
    assert not (await world.call()).probe


async def test_a_probe_that_fails_keeps_it_open():
    world = await opened()
    await world.call(DOWN)
    with pytest.raises(Wait) as waits:
        await world.take()
    assert waits.value.until == NOON + timedelta(seconds=120)


async def test_a_probe_that_came_to_nothing_lets_the_next_one_try():
    world = await opened()
    await world.call(None)
    assert (await world.call(OK)).probe


async def test_a_late_failure_of_a_call_from_before_does_not_speak_for_the_probe():
    world = World(breaker=BREAKER)
    late = await world.take()
    for _ in range(3):
        await world.call(DOWN)
    world.pass_s(60)
    probe = await world.take()
    await world.permits.give(late, DOWN)
    await world.permits.give(probe, OK)
    await world.call()


@pytest.mark.parametrize("status", [429, 503])
async def test_what_one_call_is_told_by_retry_after_holds_for_all(status):
    world = World()
    await world.call(Reply(status=status, headers={"retry-after": "120"}, asked_at=NOON))
    with pytest.raises(Wait, match="hss asked for a pause") as waits:
        await world.take()
    assert waits.value.until == NOON + timedelta(seconds=120)
    world.pass_s(120)
    await world.call()


async def test_what_one_connector_suffers_no_other_feels():
    world = World(breaker=BREAKER, limits=Limits(concurrency=1))
    for _ in range(3):
        await world.call(DOWN)
    other = Connector(name="other", breaker=BREAKER, limits=Limits(concurrency=1))
    await world.permits.take(other)


async def reopened() -> World:
    """A circuit that a probe has just closed, at 12:01."""
    world = await opened()
    assert (await world.call(OK)).probe
    return world


async def test_after_a_breaker_closed_calls_come_back_as_1_2_4_a_second():
    world = await reopened()
    began_s, instants = world.passed_s, []
    for _ in range(31):
        await world.call()
        instants.append(world.passed_s - began_s)
    assert instants[:7] == [0, 1, 1.5, 2, 2.25, 2.5, 2.75]
    assert [sum(k <= at < k + 1 for at in instants) for k in range(5)] == [1, 2, 4, 8, 16]


async def test_places_of_the_ramp_that_nobody_took_make_no_herd():
    world = await reopened()
    world.pass_s(3.5)
    first_s = world.passed_s
    for _ in range(5):
        await world.call()
    assert world.passed_s - first_s == 0.5, "8 a second in its fourth second, however many were missed"


async def test_the_ramp_ends_at_the_rate():
    world = World(breaker=BREAKER, limits=Limits(rate=4))
    for _ in range(3):
        await world.call(DOWN)
    world.pass_s(60)
    await world.call(OK)
    world.pass_s(2)
    before_s = world.passed_s
    for _ in range(4):
        await world.call()
    assert world.passed_s == before_s


async def told(world: World, count: int) -> list[float]:
    """Seconds from now to the instants so many deliveries are told."""
    untils = []
    for _ in range(count):
        with pytest.raises(Wait) as waits:
            await world.take()
        untils.append((waits.value.until - world.clock.now()).total_seconds())
    return untils


async def test_those_who_meet_an_open_breaker_are_told_instants_spread_like_the_ramp():
    world = World(breaker=BREAKER)
    for _ in range(3):
        await world.call(DOWN)
    assert await told(world, 7) == [60, 61, 61.5, 62, 62.25, 62.5, 62.75]


def test_those_whom_a_ramp_turns_away_are_told_instants_that_come_ever_faster():
    line = Line(top=500)
    told_s = [(line.ramping(NOON, 2) - NOON).total_seconds() for _ in range(2000)]
    assert [sum(k <= at < k + 1 for at in told_s) for k in range(5)] == [2, 4, 8, 16, 32]
    assert told_s[-1] < 12, "not as slowly as it was when they asked"
    assert max(sum(k <= at < k + 1 for at in told_s) for k in range(12)) <= 501


async def test_those_beyond_a_rate_are_told_instants_one_after_another():
    world = World(limits=Limits(rate=0.5))
    await world.call()
    assert await told(world, 4) == [2, 4, 6, 8]


async def test_those_beyond_the_concurrency_are_told_instants_as_far_apart_as_calls_last():
    world = World(limits=Limits(concurrency=1))
    for _ in range(60):
        permit = await world.take()
        world.pass_s(10)
        await world.permits.give(permit, OK)
    await world.take()
    first, second = await told(world, 2)
    assert (second + 1) - first == pytest.approx(10, abs=0.1), "the clock moved on by the second that was waited"


async def test_those_who_look_while_one_call_tries_are_told_to_look_again_in_5_seconds_and_not_all_at_once():
    world = await opened()
    await world.take()
    assert await told(world, 3) == [5, 6, 6.5]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        ("Thu, 01 May 2025 12:02:00 GMT", 120),
        ("999999999", 86400),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86400),
    ],
)
async def test_a_pause_that_is_asked_for_is_at_most_a_day(header: str, seconds: float):
    world = World()
    await world.call(Reply(status=429, headers={"retry-after": header}, asked_at=NOON))
    assert (await told(world, 1))[0] == seconds


@pytest.mark.parametrize("header", ["-5", "0", "soon", "", "Thu, 01 May 2025 11:59:00 GMT"])
async def test_a_pause_that_is_no_pause_holds_nobody(header: str):
    world = World()
    await world.call(Reply(status=429, headers={"retry-after": header}, asked_at=NOON))
    await world.call()


async def test_calls_come_back_slowly_after_a_pause():
    world = World()
    await world.call(Reply(status=429, headers={"retry-after": "60"}, asked_at=NOON))
    world.pass_s(60)
    await world.call()
    before_s = world.passed_s
    await world.call()
    assert world.passed_s == before_s + 1


PAUSED = Reply(status=503, headers={"retry-after": "40"}, asked_at=NOON)


@pytest.mark.parametrize(
    ("settings", "reply"), [({"breaker": BREAKER}, DOWN), ({"limits": Limits(rate=0.3)}, OK), ({}, PAUSED)]
)
async def test_a_clock_that_is_set_back_an_hour_makes_nobody_wait_an_hour(settings: dict[str, Any], reply: Reply):
    world = World(**settings)
    for permit in [await world.take() for _ in range(1 if reply is OK else 3)]:
        await world.permits.give(permit, reply)
    world.pass_s(10)
    world.pass_s(-3600)
    if reply is not OK:
        with pytest.raises(Wait) as waits:
            await world.take()
        assert (waits.value.until - world.clock.now()).total_seconds() <= 60
    world.pass_s(60)
    await world.take()
