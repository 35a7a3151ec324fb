"""Order within a lane, over several workers on one store: kept across retries, crossings and copies; nobody else waits."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.management.audit import audit
from engine.storage.protocol import EventFilter
from tests.model.fleet import Answer, Fleet, Sent, event, load, ok, pipeline

SUBSCRIBERS = 200
EVENTS = 50
STRICT_EVENTS = 50 if os.environ.get("NSPS_THOROUGH") else 15  # each is one request, however many there are

Open = Callable[..., Any]


@pytest.fixture
def fleet(tmp_path: Path) -> Open:
    """Opens a fleet over pipelines given as texts."""

    @asynccontextmanager
    async def opened(*texts: str, hosts: int = 3, answers: Answer = ok) -> AsyncIterator[Fleet]:
        named = {text.splitlines()[0].removeprefix("pipeline: "): text for text in texts}
        found = await Fleet.open(load(tmp_path / "project", named), hosts, answers)
        try:
            yield found
        finally:
            await found.close()

    return opened


def flaky(seed: int, share: float) -> Answer:
    """Answers 503 to a share of the requests, after other tasks had their turn."""
    chance = random.Random(seed)

    async def answer(_sent: Sent) -> int:
        for _ in range(chance.randrange(4)):
            await asyncio.sleep(0)
        return 503 if chance.random() < share else 200

    return answer


async def settled(fleet: Fleet, most: int = 400) -> None:
    """Time passes until nothing is left to do."""
    for _ in range(most):
        counts = (await fleet.store.counts())["deliveries"]
        if not any(states.get(name) for states in counts.values() for name in ("waiting", "running")):
            return
        await fleet.later(5)
    raise AssertionError(f"not settled: {counts}")


def taken(fleet: Fleet) -> dict[str, list[int]]:
    """By subscriber: the events the system took, in the order it took them."""
    found: dict[str, list[int]] = defaultdict(list)
    for sent in fleet.sent:
        if sent.answer == 200:
            found[sent.key].append(sent.i_event)
    return found


async def post(fleet: Fleet, kind: str, numbers: Iterable[tuple[int, int]]) -> None:
    """Events of subscribers, at once: (number, account). Each happened a second after the one before."""
    now = fleet.clock.now()

    async def one(number: int, account: int) -> None:
        at = now - timedelta(hours=3) + timedelta(seconds=number)
        said = {"event_time": at.strftime("%Y-%m-%d %H:%M:%S")}
        await fleet.receive(event(number, kind, account, now, **said))

    await asyncio.gather(*(one(number, account) for number, account in numbers))


def shuffled(seed: int, each: int = EVENTS) -> list[tuple[int, int]]:
    """Each subscriber's events, in any order of arrival: PortaBilling does not promise one."""
    pairs = [(turn * SUBSCRIBERS + account, account) for turn in range(each) for account in range(SUBSCRIBERS)]
    random.Random(seed).shuffle(pairs)
    return pairs


async def test_strict_lanes_of_200_subscribers_stay_in_order_through_random_503s_on_three_workers(fleet: Open) -> None:
    async with fleet(pipeline("strict", "**", "strict"), answers=flaky(1, 0.1)) as world:
        held, world.hosts = (
            world.hosts,
            [],
        )  # all are stored before the first is claimed, so that there is an order to keep
        await post(world, "SIM/Updated", shuffled(1, STRICT_EVENTS))
        world.hosts = held
        await settled(world)
        lanes = taken(world)
        assert len(lanes) == SUBSCRIBERS
        assert all(events == sorted(events) and len(events) == STRICT_EVENTS for events in lanes.values())
        assert len({sent.by for sent in world.sent}) == 3, "all workers took part"
        assert len({sent.idempotency_key for sent in world.sent}) == SUBSCRIBERS * STRICT_EVENTS
        assert not (await audit(world.store)).gaps


async def test_latest_lanes_send_less_than_half_and_end_in_the_same_last_state(fleet: Open) -> None:
    async with fleet(pipeline("latest", "**", "latest"), answers=flaky(2, 0.1)) as world:
        pairs = shuffled(2)
        for start in range(0, len(pairs), 1000):
            await post(world, "SIM/Updated", pairs[start : start + 1000])
            await world.idle()
        await settled(world)
        lanes = taken(world)
        assert len(world.sent) < SUBSCRIBERS * EVENTS / 2
        counts = (await world.store.counts())["deliveries"]["latest"]
        assert counts["delivered"] + counts["superseded"] == SUBSCRIBERS * EVENTS
        for account in range(SUBSCRIBERS):
            assert (EVENTS - 1) * SUBSCRIBERS + account in lanes[str(account)], "the newest state was sent"
        assert not (await audit(world.store)).gaps


async def test_superseded_ones_name_the_newer_that_took_their_place(fleet: Open) -> None:
    async with fleet(pipeline("latest", "**", "latest"), hosts=2) as world:
        hosts, world.hosts = world.hosts, []
        await post(world, "SIM/Updated", [(number, 5) for number in (3, 1, 4, 2)])
        world.hosts = hosts
        await world.later(6)
        rows = {row.i_event: row.deliveries[0] for row in await world.store.events(EventFilter())}
        assert [sent.i_event for sent in world.sent] == [4]
        assert {rows[one].superseded_by for one in ("1", "2", "3")} == {rows["4"].id}
        assert rows["4"].state == "delivered"
        assert rows["1"].reason == f"a newer event of the same order key took its place (delivery {rows['4'].id})"


async def test_one_that_retries_in_a_latest_lane_gives_way_to_a_newer(fleet: Open) -> None:
    said = [503, 200]

    async def answer(_sent: Sent) -> int:
        return said.pop(0)

    async with fleet(pipeline("latest", "**", "latest"), hosts=2, answers=answer) as world:
        await post(world, "SIM/Updated", [(1, 5)])
        await world.idle()
        await post(world, "SIM/Updated", [(2, 5)])
        await world.idle()
        states = [row.deliveries[0].state for row in await world.store.events(EventFilter())]
        assert states == ["delivered", "superseded"]
        assert [sent.i_event for sent in world.sent] == [1, 2]


async def test_one_that_retries_in_a_strict_lane_blocks_that_lane_and_no_other(fleet: Open) -> None:
    async def answer(sent: Sent) -> int:
        return 503 if sent.i_event == 1 and len(world.sent) < 6 else 200

    async with fleet(pipeline("strict", "**", "strict"), hosts=2, answers=answer) as world:
        await post(world, "SIM/Updated", [(1, 5)])
        await world.idle()
        await post(world, "SIM/Updated", [(2, 5), (3, 6), (4, 5), (5, 7)])
        await world.idle()
        assert sorted(sent.i_event for sent in world.sent) == [1, 3, 5]
        await settled(world)
        assert taken(world)["5"] == [1, 2, 4]


@pytest.mark.parametrize("mode", ["strict", "latest"])
async def test_an_older_event_that_arrives_while_a_newer_is_under_way_waits_for_it_and_runs_after(
    fleet: Open, mode: str
) -> None:
    go_on, under_way, most = asyncio.Event(), 0, 0

    async def answer(_sent: Sent) -> int:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await go_on.wait()
        under_way -= 1
        return 200

    async with fleet(pipeline("one", "**", mode), hosts=3, answers=answer) as world:
        await post(world, "SIM/Updated", [(2, 5)])
        await world.idle()
        await post(world, "SIM/Updated", [(1, 5)])
        await world.look()
        states = [row.deliveries[0].state for row in await world.store.events(EventFilter())]
        assert sorted(states) == ["running", "waiting"]
        go_on.set()
        await settled(world)
        assert [sent.i_event for sent in world.sent] == [2, 1], "it reads fresh data, so it may run late"
        assert most == 1, "one of a lane at a time"


async def test_an_older_event_stored_while_a_newer_is_being_claimed_is_never_beside_it(fleet: Open) -> None:
    """Every interleaving of three claims and an arrival that the loop allows, many times over."""
    under_way: Counter[str] = Counter()

    async def answer(sent: Sent) -> int:
        under_way[sent.key] += 1
        assert under_way[sent.key] == 1, "two of one lane at once"
        for _ in range(sent.i_event % 5):
            await asyncio.sleep(0)
        under_way[sent.key] -= 1
        return 200

    async with fleet(pipeline("strict", "**", "strict"), hosts=3, answers=answer) as world:
        for lane in range(100):
            newer = asyncio.create_task(post(world, "SIM/Updated", [(2 * lane + 2, lane)]))
            for _ in range(lane % 10):
                await asyncio.sleep(0)
            await post(world, "SIM/Updated", [(2 * lane + 1, lane)])
            await newer
        await settled(world)
        assert len(world.sent) == 200
        assert not (await audit(world.store)).gaps


async def test_events_of_one_instant_go_by_their_number_not_its_text_and_those_without_a_key_by_nothing(
    fleet: Open,
) -> None:
    async with fleet(pipeline("strict", "**", "strict"), hosts=2) as world:
        hosts, world.hosts = world.hosts, []
        now = world.clock.now()
        for number in (100, 9, 10):
            await world.receive(event(number, "SIM/Updated", 5, now))
        world.hosts = hosts
        await world.later(6)
        await settled(world)
        assert [sent.i_event for sent in world.sent] == [9, 10, 100]


async def test_a_subscriber_whose_events_fail_for_a_month_delays_nobody_else(fleet: Open) -> None:
    async def answer(sent: Sent) -> int:
        return 503 if sent.key == "666" else 200

    async with fleet(pipeline("strict", "**", "strict", retry="standard"), hosts=2, answers=answer) as world:
        await post(world, "SIM/Updated", [(number, 666) for number in range(1, 6)])
        began, day = world.clock.now(), timedelta(days=1)
        number, states = 1000, ["waiting"]
        while "waiting" in states and world.clock.now() - began < 40 * day:
            number += 1
            asked = world.clock.now()
            await post(world, "SIM/Updated", [(number, number)])
            await world.idle()
            assert world.sent[-1].i_event == number, "another's event is sent the moment it comes"
            assert world.clock.now() == asked
            first = (await world.store.events(EventFilter(find="1")))[0].deliveries[0]
            states = [first.state]
            await world.later(max(1.0, ((first.due_at or asked) - asked).total_seconds()))
        tried = [sent for sent in world.sent if sent.key == "666" and sent.i_event == 1]
        assert 31 * day > world.clock.now() - began - day > 29 * day, "its policy lasts a day and a month"
        assert len(tried) > 150
        assert states == ["failed"]
        assert len({sent.idempotency_key for sent in tried}) == 1
        others = [sent for sent in world.sent if sent.key == "666" and sent.i_event > 1]
        assert {sent.i_event for sent in others} <= {2}, "what stands behind it was not sent before its turn"
        assert not (await audit(world.store)).gaps
