"""Permits shared through a real server by several processes, or by several that stand for them on one loop."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.clock import SystemClock
from engine.connector import Breaker, Connector, Limits
from engine.errors import Wait
from engine.limits.desk import Question, Share, rules_of
from engine.limits.redis_desk import RedisDesk
from engine.limits.shared import SharedPermits
from engine.permits import Permit
from engine.request import Reply
from tests.redis_server import RedisServer, redis_running

NOON = datetime(2025, 5, 1, 12, tzinfo=UTC)
OK = Reply(status=200, asked_at=NOON)
DOWN = Reply(status=503, asked_at=NOON)
ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with redis_running() as running:
        yield running


class CountingDesk(RedisDesk):
    asked = 0

    async def ask(self, questions: Sequence[Question], /) -> list[Share]:
        self.asked += 1
        return await super().ask(questions)


Join = Callable[[], SharedPermits]


@pytest.fixture
async def join(server: RedisServer) -> AsyncIterator[Join]:
    """Makes one more that shares."""
    made: list[SharedPermits] = []

    def one_more() -> SharedPermits:
        desk = CountingDesk(server.url, "acme")
        made.append(SharedPermits(desk, f"p{len(made)}", SystemClock(), time.monotonic))
        return made[-1]

    yield one_more
    for one in made:
        await one.close()


async def each(permits: Sequence[SharedPermits], run: Callable[[SharedPermits], Awaitable[None]], times: int) -> None:
    await asyncio.gather(*(run(one) for one in permits for _ in range(times)))


async def until_taken(permits: SharedPermits, connector: Connector) -> Permit:
    while True:
        try:
            return await permits.take(connector)
        except Wait:
            await asyncio.sleep(0.01)


async def test_three_processes_together_never_call_more_than_the_rate_in_any_second(join: Join) -> None:
    connector, instants = Connector(name="hss", limits=Limits(rate=100)), []

    async def call(permits: SharedPermits) -> None:
        while len(instants) < 320:
            permit = await until_taken(permits, connector)
            instants.append(time.monotonic())
            await permits.give(permit, OK)

    await each([join(), join(), join()], call, times=20)
    assert max(sum(start <= at < start + 1 for at in instants) for start in instants) <= 100


async def test_three_processes_together_never_have_more_calls_under_way_than_the_limit(join: Join) -> None:
    connector = Connector(name="hss", limits=Limits(concurrency=5))
    under_way, most, calls = 0, 0, dict.fromkeys(range(3), 0)
    all_of = [join(), join(), join()]

    async def call(permits: SharedPermits) -> None:
        nonlocal under_way, most
        while min(calls.values()) < 25:
            permit = await until_taken(permits, connector)
            under_way, most = under_way + 1, max(most, under_way + 1)
            await asyncio.sleep(0.004)
            under_way -= 1
            calls[all_of.index(permits)] += 1
            await permits.give(permit, OK)

    await each(all_of, call, times=6)
    assert most == 5


async def test_calls_go_without_a_round_trip_each(join: Join) -> None:
    connector = Connector(
        name="hss", limits=Limits(concurrency=8), breaker=Breaker(failures=5, within_s=30, open_for_s=30)
    )
    permits = join()
    for _ in range(2000):
        await permits.give(await permits.take(connector), OK)
    assert permits._desk.asked < 100


async def test_failures_in_one_process_stop_the_others_and_one_of_all_tries(join: Join) -> None:
    connector = Connector(name="hss", breaker=Breaker(failures=3, within_s=30, open_for_s=0.3))
    all_of = [join(), join(), join(), join()]
    for permit in [await all_of[0].take(connector) for _ in range(3)]:
        await all_of[0].give(permit, DOWN)
    trying, probes, stopped = 0, 0, asyncio.Event()

    async def call(permits: SharedPermits) -> None:
        nonlocal trying, probes
        while not stopped.is_set():
            try:
                permit = await permits.take(connector)
            except Wait:
                await asyncio.sleep(0.01)
                continue
            assert permit.probe, "nothing but the probe goes while it is open"
            trying, probes = trying + 1, probes + 1
            assert trying == 1
            await asyncio.sleep(0.05)
            trying -= 1
            await permits.give(permit, DOWN)
            if probes == 3:
                stopped.set()

    await asyncio.sleep(0.02)
    await asyncio.wait_for(each(all_of, call, times=3), 20)
    assert probes == 3


async def test_a_pause_one_process_was_asked_for_makes_the_others_wait_without_an_attempt(join: Join) -> None:
    connector, told, other = Connector(name="hss"), join(), join()
    await other.give(await other.take(connector), OK)
    asked = Reply(status=429, headers={"retry-after": "120"}, asked_at=NOON)
    await told.give(await told.take(connector), asked)
    with pytest.raises(Wait, match="hss asked for a pause"):
        await told.take(connector)
    until = time.monotonic() + 5
    while time.monotonic() < until:
        try:
            await other.give(await other.take(connector), OK)
        except Wait as wait:
            assert "Retry-After 120 s" in wait.reason
            break
        await asyncio.sleep(0.02)
    else:
        pytest.fail("the other process never heard of it")


async def test_those_told_to_wait_for_a_pause_are_spread_over_the_processes(join: Join) -> None:
    connector, one = Connector(name="hss"), join()
    await one.give(await one.take(connector), Reply(status=429, headers={"retry-after": "120"}, asked_at=NOON))
    untils = []
    for _ in range(7):
        with pytest.raises(Wait) as waits:
            await one.take(connector)
        untils.append(waits.value.until)
    assert [round((at - untils[0]).total_seconds(), 2) for at in untils] == [0, 1, 1.5, 2, 2.25, 2.5, 2.75]


# --- without the server -----------------------------------------------------------------------------------------------


async def test_without_redis_a_process_keeps_its_last_share_and_says_so_once(
    join: Join, server: RedisServer, capsys: Any
) -> None:
    connector, one, other = Connector(name="hss", limits=Limits(rate=8, concurrency=6)), join(), join()
    for permits in (one, other, one, other):
        await permits.give(await permits.take(connector), OK)
        await asyncio.sleep(0.3)
    server.kill()
    instants: list[float] = []
    while len(instants) < 9:
        try:
            permit = await one.take(connector)
        except Wait:
            await asyncio.sleep(0.05)
            continue
        instants.append(time.monotonic())
        await one.give(permit, OK)
    assert one.away
    assert instants[8] - instants[0] >= 1.9, "four a second, half of eight"
    assert capsys.readouterr().out.count("limits are not shared now") <= 2, "once each"


async def test_calls_begun_without_redis_count_when_it_is_back(join: Join, server: RedisServer) -> None:
    connector, one, other = Connector(name="hss", limits=Limits(concurrency=2)), join(), join()
    await one.give(await one.take(connector), OK)
    server.kill()
    while not one.away:
        permit = await until_taken(one, connector)
        if one.away:
            break
        await one.give(permit, OK)
        await asyncio.sleep(0.05)
    server.start()
    while one.away:
        await asyncio.sleep(0.05)
    second = await until_taken(other, connector)
    with pytest.raises(Wait, match="all its calls under way"):
        await other.take(connector)
    await one.give(permit, OK)
    third = await until_taken(other, connector)
    for held in (second, third):
        await other.give(held, OK)


async def lost(permits: SharedPermits) -> None:
    """Returns when the process noticed that the server is gone."""
    other = Connector(name="other")
    while not permits.away:
        await permits.give(await until_taken(permits, other), OK)
        await asyncio.sleep(0.05)


async def test_a_pause_and_an_open_breaker_outlast_the_loss_of_redis(join: Join, server: RedisServer) -> None:
    one, hss = join(), Connector(name="hss")
    crm = Connector(name="crm", breaker=Breaker(failures=1, within_s=60, open_for_s=60))
    await one.give(await one.take(hss), Reply(status=429, asked_at=NOON, headers={"retry-after": "3600"}))
    await one.give(await one.take(crm), DOWN)
    while True:
        try:
            await one.give(await one.take(crm), None)
        except Wait as shut:
            assert "breaker of crm is open" in shut.reason
            break
    server.kill()
    await lost(one)
    with pytest.raises(Wait, match="asked for a pause"):
        await one.take(hss)
    with pytest.raises(Wait, match="breaker of crm is open"):
        await one.take(crm)


async def test_calls_under_way_when_redis_goes_keep_their_slots_and_what_they_are_told_counts(
    join: Join, server: RedisServer
) -> None:
    connector, one = Connector(name="hss", limits=Limits(concurrency=2)), join()
    held = [await until_taken(one, connector) for _ in range(2)]
    server.kill()
    await lost(one)
    with pytest.raises(Wait, match="all its calls under way"):
        await one.take(connector)
    await one.give(held.pop(), OK)
    held.append(await one.take(connector))
    await one.give(held.pop(), Reply(status=429, asked_at=NOON, headers={"retry-after": "3600"}))
    await one.give(held.pop(), OK)
    with pytest.raises(Wait, match="asked for a pause"):
        await one.take(connector)


async def test_a_pause_that_a_wiped_server_forgot_is_told_again(join: Join, server: RedisServer) -> None:
    one, other, hss = join(), join(), Connector(name="hss")
    await other.give(await other.take(hss), OK)
    await one.give(await one.take(hss), Reply(status=429, asked_at=NOON, headers={"retry-after": "3600"}))
    for permits in (one, other):
        while True:
            try:
                await permits.give(await permits.take(hss), None)
            except Wait:
                break
    server.flush()
    refused = 0
    while refused < 20:
        for permits in (one, other):
            with pytest.raises(Wait, match="asked for a pause"):
                await permits.take(hss)
            refused += 1
        await asyncio.sleep(0.2)


async def test_a_server_that_hangs_holds_nobody_for_long(join: Join, server: RedisServer) -> None:
    connector, one = Connector(name="hss", limits=Limits(rate=1000)), join()
    await one.give(await one.take(connector), OK)
    server.freeze()
    await asyncio.sleep(0.3)
    began = time.monotonic()
    for _ in range(20):
        await one.give(await one.take(connector), OK)
    assert time.monotonic() - began < 2.5
    server.thaw()
    while one.away:
        await asyncio.sleep(0.05)


# --- processes --------------------------------------------------------------------------------------------------------

HOLDER = """
import asyncio, sys, time
from engine.clock import SystemClock
from engine.connector import Connector, Limits
from engine.limits.redis_desk import RedisDesk
from engine.limits.shared import SharedPermits

async def hold():
    permits = SharedPermits(RedisDesk(sys.argv[1], "acme"), "killed", SystemClock(), time.monotonic)
    for _ in range(4):
        await permits.take(Connector(name="hss", limits=Limits(concurrency=4)))
    print("held", flush=True)
    await asyncio.sleep(600)

asyncio.run(hold())
"""


async def test_what_a_killed_process_held_is_free_after_10_seconds(server: RedisServer) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, server.url, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"held\n"
    process.send_signal(signal.SIGKILL)
    await process.wait()
    rules = rules_of(Connector(name="hss", limits=Limits(concurrency=4)))
    for later_s, slots in ((9, 0), (10.5, 4)):
        desk = RedisDesk(server.url, "acme", lambda later_s=later_s: round((time.time() + later_s) * 1e6))  # type: ignore[misc]
        (share,) = await desk.ask([Question(connector="hss", owner="b", rules=rules, need=4, want=4, tokens=4)])
        await desk.close()
        assert share.slots == slots
