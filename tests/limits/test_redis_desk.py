"""The script that shares limits, on a real server and a clock that tests move."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from engine.connector import Breaker, Connector, Limits
from engine.errors import LimitsUnreachable
from engine.limits.desk import Back, Question, Share, rules_of
from engine.limits.redis_desk import RedisDesk
from tests.redis_server import RedisServer, redis_running

NOON_US = 1_764_590_400_000_000


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_running() as running:
        yield running


class World:
    """A desk, a clock, and one connector; processes are names."""

    def __init__(self, server: RedisServer, **settings: Any) -> None:
        self.now_us = NOON_US
        self.desk = RedisDesk(server.url, "acme", lambda: self.now_us)
        self.rules = rules_of(Connector(name="hss", **settings))

    def pass_s(self, seconds: float) -> None:
        self.now_us += round(seconds * 1_000_000)

    async def ask(self, owner: str = "a", **asked: Any) -> Share:
        (share,) = await self.desk.ask([Question(connector="hss", owner=owner, rules=self.rules, **asked)])
        return share

    async def tokens(self, owner: str, count: int) -> int:
        share = await self.ask(owner, tokens=count)
        assert share.tokens is not None
        return share.tokens

    async def fail(self, owner: str = "a", times: int = 1) -> Share:
        return await self.ask(owner, tokens=1, failures=(0.0,) * times, last="HTTP 503")


@pytest.fixture
async def world(server: RedisServer) -> AsyncIterator[Any]:
    server.flush()
    made: list[World] = []

    def make(**settings: Any) -> World:
        made.append(World(server, **settings))
        return made[-1]

    yield make
    for one in made:
        await one.desk.close()


# --- rate -------------------------------------------------------------------------------------------------------------


async def test_all_processes_together_are_never_given_more_than_the_rate_in_any_second(world: Any) -> None:
    one = world(limits=Limits(rate=50))
    given: list[tuple[float, int]] = []
    for step in range(400):
        for owner in "abc":
            given.append((one.now_us / 1e6, await one.tokens(owner, 1 + step % 7)))
        one.pass_s(0.01)
    for start, _ in given:
        assert sum(count for at, count in given if start <= at < start + 1) <= 50
    assert sum(count for _, count in given) >= 50 * 4 / 1.25, "a lease of a quarter of a second costs at most that"


async def test_what_was_used_at_once_counts_for_a_second_and_no_longer(world: Any) -> None:
    one = world(limits=Limits(rate=10))
    share = await one.ask(tokens=10)
    assert share.tokens == 10
    one.pass_s(0.02)
    back = Back(grant=share.grant, ramp="", calls=10, used=10, ago_s=0.02)
    none = await one.ask(tokens=1, back=back)
    assert none.tokens == 0
    assert none.more_in_s == pytest.approx(0.98, abs=0.011)
    one.pass_s(none.more_in_s)
    assert await one.tokens("a", 10) == 10


async def test_what_was_not_used_comes_back_at_once(world: Any) -> None:
    one = world(limits=Limits(rate=10))
    share = await one.ask(tokens=10)
    await one.ask(back=Back(grant=share.grant, ramp="", calls=10, used=3, ago_s=0))
    assert await one.tokens("b", 10) == 7


async def test_what_nobody_gave_back_comes_back_by_itself(world: Any) -> None:
    one = world(limits=Limits(rate=10))
    assert await one.tokens("killed", 10) == 10
    one.pass_s(1.2)
    assert await one.tokens("b", 5) == 0
    one.pass_s(0.1)
    assert await one.tokens("b", 5) == 5


async def test_a_process_that_wants_much_leaves_a_fair_part_to_those_that_want_some(world: Any) -> None:
    one = world(limits=Limits(rate=100))
    for owner in "bcd":
        await one.tokens(owner, 1)
    assert await one.tokens("a", 1000) == 25


async def test_less_than_one_a_second_is_one_in_a_longer_time(world: Any) -> None:
    one = world(limits=Limits(rate=0.1))
    assert await one.tokens("a", 1) == 1
    one.pass_s(9.9)
    assert await one.tokens("b", 1) == 0
    one.pass_s(0.5)
    assert await one.tokens("b", 1) == 1


async def test_without_a_rate_calls_are_not_counted(world: Any) -> None:
    assert (await world(limits=Limits(concurrency=4)).ask(tokens=1)).tokens is None


# --- concurrency ------------------------------------------------------------------------------------------------------


async def slots(one: World, owner: str, in_use: int, waiting: int = 0) -> Share:
    need = in_use + waiting
    return await one.ask(owner, in_use=in_use, need=need, want=need, tokens=waiting)


async def test_all_processes_together_hold_no_more_slots_than_there_are(world: Any) -> None:
    one = world(limits=Limits(concurrency=16))
    assert (await slots(one, "a", 0, 12)).slots == 12
    assert (await slots(one, "b", 0, 12)).slots == 4


async def test_who_holds_more_than_a_fair_part_gives_back_what_ends_while_others_wait(world: Any) -> None:
    one = world(limits=Limits(concurrency=16))
    await slots(one, "a", 0, 16)
    assert (await slots(one, "b", 0, 10)).slots == 0
    share = await slots(one, "a", 14, 5)
    assert (share.starved, share.slots) == (True, 8)
    assert (await slots(one, "b", 0, 10)).slots == 2, "calls under way are never taken away"
    assert (await slots(one, "a", 5, 10)).slots == 8
    assert (await slots(one, "b", 2, 10)).slots == 8


async def test_one_slot_goes_from_hand_to_hand(world: Any) -> None:
    one = world(limits=Limits(concurrency=1))
    assert (await slots(one, "a", 0, 5)).slots == 1
    assert (await slots(one, "b", 0, 5)).slots == 0
    assert (await slots(one, "a", 0, 5)).slots == 0
    assert (await slots(one, "b", 0, 5)).slots == 1


async def test_slots_of_a_process_that_died_are_free_after_10_seconds_and_not_before(world: Any) -> None:
    one = world(limits=Limits(concurrency=4))
    await slots(one, "killed", 0, 4)
    one.pass_s(9.9)
    assert (await slots(one, "b", 0, 4)).slots == 0
    one.pass_s(0.2)
    assert (await slots(one, "b", 0, 4)).slots == 4


async def test_slots_stay_with_a_process_that_says_it_lives(world: Any) -> None:
    one = world(limits=Limits(concurrency=4))
    await slots(one, "a", 0, 4)
    for _ in range(10):
        one.pass_s(2)
        await slots(one, "a", 4)
    assert (await slots(one, "b", 0, 4)).slots == 0


async def test_who_leaves_gives_all_back(world: Any) -> None:
    one = world(limits=Limits(concurrency=4))
    await slots(one, "a", 0, 4)
    await one.ask("a")
    assert (await slots(one, "b", 0, 4)).slots == 4


# --- breaker, ramp, pause ---------------------------------------------------------------------------------------------

BREAKER = Breaker(failures=5, within_s=30, open_for_s=60)


async def test_failures_of_all_processes_open_the_breaker_for_all(world: Any) -> None:
    one = world(breaker=BREAKER)
    for owner in "abab":
        assert (await one.fail(owner)).open_s is None
    assert (await one.fail("c")).open_s == 60
    share = await one.ask("d", tokens=1)
    assert (share.open_s, share.tokens, share.why) == (60, 0, "HTTP 503")


async def test_failures_far_apart_do_not_open_it(world: Any) -> None:
    one = world(breaker=BREAKER)
    for _ in range(10):
        assert (await one.fail()).open_s is None
        one.pass_s(8)


async def opened(one: World) -> World:
    await one.fail(times=5)
    one.pass_s(60)
    return one


async def test_of_all_processes_one_tries(world: Any) -> None:
    one = await opened(world(breaker=BREAKER))
    shares = [await one.ask(owner, tokens=3) for owner in "abcd"]
    assert [share.probe for share in shares] == [True, False, False, False]
    assert shares[3].probing_s == 0


async def test_a_probe_that_fails_opens_it_again(world: Any) -> None:
    one = await opened(world(breaker=BREAKER))
    await one.ask("a", tokens=1)
    assert (await one.ask("a", probe="failed")).open_s == 60
    assert not (await one.ask("b", tokens=1)).probe


async def test_a_probe_that_came_to_nothing_lets_another_try(world: Any) -> None:
    one = await opened(world(breaker=BREAKER))
    await one.ask("a", tokens=1)
    await one.ask("a", probe="gone")
    assert (await one.ask("b", tokens=1)).probe


async def test_a_probe_whose_process_died_is_anothers_after_10_seconds(world: Any) -> None:
    one = await opened(world(breaker=BREAKER))
    await one.ask("killed", tokens=1)
    one.pass_s(9.9)
    assert not (await one.ask("b", tokens=1)).probe
    one.pass_s(0.2)
    assert (await one.ask("b", tokens=1)).probe
    await one.ask("killed", probe="failed")
    assert (await one.ask("b", probe="ok")).open_s is None, "what the dead one says late does not count"


async def test_a_slow_probe_stays_the_only_one_while_its_process_lives(world: Any) -> None:
    one = await opened(world(breaker=BREAKER))
    await one.ask("a", tokens=1)
    for _ in range(15):
        one.pass_s(2)
        await one.ask("a", in_use=1, probe="busy")
        assert not (await one.ask("b", tokens=1)).probe


async def closed_again(one: World) -> World:
    await opened(one)
    await one.ask("a", tokens=1)
    await one.ask("a", probe="ok")
    return one


async def test_calls_of_all_processes_come_back_as_1_2_4_8_a_second(world: Any) -> None:
    one = await closed_again(world(breaker=BREAKER))
    given = []
    for _ in range(6):
        given.append(sum([(await one.ask(owner, tokens=100)).tokens or 0 for owner in "abcdabcdabcdabcd"]))
        one.pass_s(1)
    assert given == [1, 2, 4, 8, 16, 32]


async def test_the_ramp_ends_at_the_rate(world: Any) -> None:
    one = await closed_again(world(breaker=BREAKER, limits=Limits(rate=4)))
    one.pass_s(2)
    share = await one.ask("a", tokens=100)
    assert (share.tokens, share.ramp) == (4, 0)


async def test_places_of_the_ramp_that_were_not_used_come_back(world: Any) -> None:
    one = await closed_again(world(breaker=BREAKER))
    one.pass_s(3)
    share = await one.ask("a", tokens=8)
    assert share.tokens == 8
    assert (await one.ask("b", tokens=8)).tokens == 0
    await one.ask("a", back=Back(grant=share.grant, ramp=share.ramp_id, calls=8, used=2, ago_s=0))
    assert (await one.ask("b", tokens=8)).tokens == 6


async def test_a_pause_one_process_was_asked_for_holds_all_and_ends_in_a_ramp(world: Any) -> None:
    one = world()
    await one.ask("a", pause_s=120, pause_why="hss asked for a pause")
    share = await one.ask("b", tokens=5)
    assert (share.paused_s, share.tokens, share.why) == (120, 0, "hss asked for a pause")
    one.pass_s(120)
    assert [(await one.ask(owner, tokens=5)).tokens for owner in "ab"] == [1, 0]


async def test_a_server_clock_that_is_set_back_an_hour_stops_nobody_for_an_hour(world: Any) -> None:
    one = world(breaker=BREAKER, limits=Limits(rate=10, concurrency=4))
    await slots(one, "a", 0, 4)
    await one.fail(times=5)
    one.pass_s(-3600)
    assert ((await one.ask("b", tokens=1)).open_s or 0) <= 60
    one.pass_s(60)
    assert (await one.ask("b", in_use=0, need=1, want=1, tokens=1)).probe
    assert (await one.ask("b", in_use=1, need=1, want=1, probe="ok")).slots == 1
    one.pass_s(10)
    assert (await slots(one, "b", 0, 4)).slots == 4
    assert await one.tokens("b", 10) > 0


# --- the server -------------------------------------------------------------------------------------------------------


async def test_keys_name_the_instance_and_none_stays_for_ever(world: Any, server: RedisServer) -> None:
    one = await closed_again(world(breaker=BREAKER, limits=Limits(rate=10, concurrency=4)))
    await one.fail()
    one.pass_s(10)
    await slots(one, "a", 1, 1)
    with server.client() as client:
        keys = [key.decode() for key in client.scan_iter()]
        assert len(keys) == 4
        assert all(key.startswith("nsps:acme:limits:{hss}") for key in keys)
        assert all(client.pttl(key) > 0 for key in keys)


async def test_two_instances_on_one_server_never_meet(world: Any, server: RedisServer) -> None:
    one, other = world(limits=Limits(rate=1)), World(server, limits=Limits(rate=1))
    other.desk = RedisDesk(server.url, "other", lambda: other.now_us)
    assert await one.tokens("a", 1) == 1
    assert await other.tokens("a", 1) == 1
    await other.desk.close()


async def test_a_server_that_is_not_there_is_said_in_our_words() -> None:
    desk = RedisDesk("redis://127.0.0.1:1/0", "acme")
    with pytest.raises(LimitsUnreachable):
        await desk.ask([Question(connector="hss", owner="a", rules=rules_of(Connector(name="hss")))])
    await desk.close()
