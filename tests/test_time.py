"""Time, on a virtual clock and a real store: exact instants over months, clocks that are set, and waits that cost nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.catalog import Catalog
from engine.clock import Clock, SystemClock, VirtualClock
from engine.connector import Window
from engine.delivery import Routed
from engine.errors import Wait
from engine.event import Event
from engine.exchange import Exchange
from engine.loading.load import open_project
from engine.masking import Masker
from engine.owner import this_process
from engine.request import Call, HttpRequest, Reply
from engine.retry import STANDARD, delay_s, nominal_delays_s
from engine.storage.protocol import Arrival, DeliveryRow, Hold
from engine.storage.store import Store
from engine.sweep import Sweep
from engine.working.attempt import Attempts
from engine.working.encoding import MaskedEncoding
from engine.working.heartbeat import Heartbeat
from engine.working.holds import Holds
from tests.postgres import Server, new_instance, postgres
from tests.target import NSPS, PIPELINE, SECRETS, write_project

__all__ = ["postgres"]  # a fixture

START = datetime(2026, 1, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)
Carry = Callable[[Call, HttpRequest], Awaitable[Reply]]


class World:
    """One process's worth of engine whose every step is made by hand. `answer` plays the other side."""

    def __init__(self, catalog: Catalog, store: Store, clock: Clock, owner: str = "") -> None:
        self.catalog, self.store, self.clock = catalog, store, clock
        self.answer: Callable[[], Reply] = lambda: Reply(status=503, asked_at=clock.now())
        self.calls = 0
        masker = Masker(catalog.secrets)
        self.exchange = Exchange(catalog, clock, masker, self._carry, cached=False)
        self.seconds = 0.0
        process = this_process(clock.now(), catalog.hash)
        self.heartbeat = Heartbeat(store, replace(process, id=owner or process.id), clock, lambda: self.seconds)
        self.holds = Holds(catalog, store, clock)
        self.attempts = Attempts(
            catalog=catalog,
            store=store,
            send=self.exchange.send,
            encode=MaskedEncoding(masker),
            clock=clock,
            heartbeat=self.heartbeat,
            why_not=self.holds.why_not,
        )
        self.handed: list[int] = []
        self.suspects: list[int] = []
        self.sweep = Sweep(
            store=store,
            clock=clock,
            holds=self.holds,
            put=lambda _pipeline, ids: self.handed.extend(ids),
            alone=self.suspects.append,
            steady=self.heartbeat.steady,
        )

    async def _carry(self, call: Call, request: HttpRequest) -> Reply:
        self.calls += 1
        return self.answer()

    async def arrive(self, number: int = 1) -> int:
        now = self.clock.now()
        data = {"event_type": "SIM/Updated", "variables": {"i_account": number, "i_event": number}}
        event = Event(
            id=f"e{number}-{now.timestamp()}",
            source="espf",
            received_at=now,
            event_type="SIM/Updated",
            data=data,
            body=b"{}",
        )
        routed = [Routed(pipeline="main", position_time=now)]
        accepted = await self.store.accept(Arrival(event=event, routed=routed, key=None, hinted=False))
        return accepted.delivery_ids[0]

    async def work(self) -> int:
        """One look, and an attempt of all it found. Returns how many attempts were made."""
        await self.sweep.look()
        ids, self.handed = self.handed, []
        claimed = await self.store.claim(ids, self.heartbeat.owner.id, self.holds.claimable, self.clock.now())
        for one in claimed:
            await self.attempts.make(one)
        return len(claimed)

    async def row(self, delivery: int) -> DeliveryRow:
        found = await self.store.event(f"#{delivery}")
        assert found is not None
        return next(one for one in found.deliveries if one.id == delivery)

    async def due_at(self, delivery: int) -> datetime:
        due_at = (await self.row(delivery)).due_at
        assert due_at is not None
        return due_at


def catalog_in(folder: Path) -> Catalog:
    nsps = NSPS.replace("retry: quick", "retry: standard")
    project = write_project(folder, nsps, PIPELINE)
    return open_project(project, {**SECRETS, "TARGET_URL": "http://127.0.0.1:1"})


class Virtual(World):
    """The same on a clock that stands still until it is moved."""

    clock: VirtualClock

    def move_to(self, instant: datetime) -> None:
        self.clock.move_to(instant)

    def later(self, seconds: float) -> None:
        self.clock.move_to(self.clock.now() + timedelta(seconds=seconds))


@asynccontextmanager
async def virtual(folder: Path, change: Callable[[Catalog], Catalog] = lambda same: same) -> AsyncIterator[Virtual]:
    clock = VirtualClock(START)
    store = await Store.open("sqlite://", project=folder, clock=clock)
    world = Virtual(change(catalog_in(folder)), store, clock)
    await world.heartbeat.beat()
    yield world
    await world.exchange.close()
    await store.close()


# --- policies ---------------------------------------------------------------------------------------------------------


async def test_what_fails_for_54_days_is_tried_at_the_policys_instants_and_fails_once(tmp_path: Path) -> None:
    async with virtual(tmp_path) as world:
        delivery, expected, tried = await world.arrive(), START, []
        delays = len(list(nominal_delays_s(STANDARD)))
        for number in range(1, delays + 2):
            if number > 1:
                assert await world.due_at(delivery) == expected
                world.move_to(expected - TICK)
                assert await world.work() == 0, "not a microsecond early"
            world.move_to(expected)
            assert await world.work() == 1
            tried.append(expected)
            if number <= delays:
                seconds = delay_s(STANDARD, number, delivery)
                assert seconds is not None
                expected += timedelta(seconds=seconds)
        row = await world.row(delivery)
        assert (row.state, row.attempts) == ("failed", delays + 1)
        assert timedelta(days=29) < tried[-1] - START < timedelta(days=35)
        while world.clock.now() < START + timedelta(days=54):
            world.later(3600 * 6)
            assert await world.work() == 0
        assert world.calls == delays + 1


async def test_waits_and_pauses_use_no_attempt_and_move_no_delay(tmp_path: Path) -> None:
    async with virtual(tmp_path) as world:
        delivery = await world.arrive()
        await world.work()
        first = delay_s(STANDARD, 1, delivery)
        assert first is not None
        world.move_to(START + timedelta(seconds=first))

        def not_now() -> Reply:
            raise Wait(world.clock.now() + timedelta(hours=1), "limits.rate")

        world.answer, answered = not_now, world.answer
        for _ in range(48):
            assert await world.work() == 1
            world.move_to(await world.due_at(delivery))
        await world.store.set_hold(Hold(scope="all", kind="paused", by="ann", reason="", at=world.clock.now()))
        for _ in range(10 * 24):
            world.later(3600)
            assert await world.work() == 0
        await world.store.lift("all", world.clock.now())
        world.answer = answered
        assert (await world.row(delivery)).attempts == 1
        world.later(1)
        assert await world.work() == 1
        second = delay_s(STANDARD, 2, delivery)
        assert second is not None
        assert (await world.row(delivery)).attempts == 2
        assert await world.due_at(delivery) == world.clock.now() + timedelta(seconds=second)


async def test_a_retry_after_uses_an_attempt_of_the_delivery_it_answered_and_none_of_the_others(tmp_path: Path) -> None:
    async with virtual(tmp_path) as world:
        deliveries = [await world.arrive(number) for number in range(1, 9)]
        world.answer = lambda: Reply(status=429, headers={"retry-after": "3600"}, asked_at=world.clock.now())
        await world.work()
        rows = [await world.row(one) for one in deliveries]
        assert [row.attempts for row in rows] == [1, 0, 0, 0, 0, 0, 0, 0]
        waits = [(await world.due_at(one) - START).total_seconds() for one in deliveries]
        assert waits[0] == 3600
        assert all(
            3600 + place <= at < 3600 + place + 1 for place, at in zip([0, 1, 1.5, 2, 2.25], waits[1:], strict=False)
        )
        assert world.calls == 1


@pytest.mark.parametrize("header", ["99999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
async def test_an_absurd_retry_after_holds_for_a_day(tmp_path: Path, header: str) -> None:
    async with virtual(tmp_path) as world:
        delivery = await world.arrive()
        world.answer = lambda: Reply(status=429, headers={"retry-after": header}, asked_at=world.clock.now())
        await world.work()
        assert await world.due_at(delivery) == START + timedelta(days=1)


async def test_what_is_received_in_a_window_waits_and_goes_out_after_it(tmp_path: Path) -> None:
    night = Window(from_=time(1), to=time(3), zone="UTC")

    def with_window(catalog: Catalog) -> Catalog:
        return replace(catalog, connectors={"target": replace(catalog.connectors["target"], windows=(night,))})

    async with virtual(tmp_path, with_window) as world:
        world.answer = lambda: Reply(status=200, body={"ok": True}, asked_at=world.clock.now())
        world.move_to(START + timedelta(hours=1, minutes=30))
        deliveries = [await world.arrive(number) for number in range(1, 8)]
        for _ in range(80):
            world.later(60)
            assert await world.work() == 0
        world.move_to(START + timedelta(hours=3))
        portions = []
        for _ in range(3):
            portions.append(await world.work())
            world.later(1)
        assert portions == [1, 2, 4]
        rows = [await world.row(one) for one in deliveries]
        assert {(row.state, row.attempts) for row in rows} == {("delivered", 1)}


# --- clocks that are set ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step_s", [3600, -3600])
async def test_a_clock_that_is_set_makes_no_storm_and_no_negative_wait(tmp_path: Path, step_s: float) -> None:
    async with virtual(tmp_path) as world:
        for number in range(20):
            await world.arrive(number)
        while await world.work() < 20:
            pass
        before = world.calls
        world.later(step_s)
        for _ in range(600):
            world.later(1)
            await world.work()
        ahead = 8 if step_s > 0 else 0  # in ten minutes: due at once, then 10, 20, 40, 80, 160, 320 s … apart
        assert (world.calls - before) <= 20 * ahead
        world.later(3600 * 2)
        assert await world.work() == 20, "and each is there once, whatever the clock did"


class Machine:
    """The clock of a machine that people set, beside seconds that nobody sets."""

    def __init__(self) -> None:
        self.wall = START
        self.seconds = 0.0

    def pass_s(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.seconds += seconds

    def clock(self) -> SystemClock:
        return SystemClock(lambda: self.wall, lambda: self.seconds)


def test_setting_the_machines_clock_moves_no_running_process() -> None:
    machine = Machine()
    clock = machine.clock()
    for step_s in (3600, -7200):
        machine.wall += timedelta(seconds=step_s)
        machine.pass_s(10)
    assert clock.now() == START + timedelta(seconds=20)


@pytest.mark.parametrize("step_s", [3600, -3600])
async def test_after_the_machines_clock_was_set_nobody_is_taken_for_dead(tmp_path: Path, step_s: float) -> None:
    machine = Machine()
    store = await Store.open("sqlite://", project=tmp_path, clock=machine.clock())
    world = World(catalog_in(tmp_path), store, machine.clock())
    await world.heartbeat.beat()
    delivery = await world.arrive()
    (claimed,) = await store.claim([delivery], world.heartbeat.owner.id, ["main"], world.clock.now())
    machine.wall += timedelta(seconds=step_s)
    for _ in range(40):
        machine.pass_s(1)
        world.seconds += 1
        if world.seconds % 3 == 0:
            await world.heartbeat.beat()
        await world.sweep.look()
    assert world.clock.now() == machine.wall, "by then it goes by the new time"
    assert world.suspects == []
    assert (await world.row(delivery)).state == "running"
    assert (await world.attempts.make(claimed)).outcome is not None
    await world.exchange.close()
    await store.close()


async def test_after_the_store_was_away_nobody_is_taken_for_dead_before_all_had_time_to_beat(tmp_path: Path) -> None:
    machine = Machine()
    store = await Store.open("sqlite://", project=tmp_path, clock=machine.clock())
    catalog = catalog_in(tmp_path)
    one, other = World(catalog, store, machine.clock(), "one"), World(catalog, store, machine.clock(), "other")

    def pass_s(seconds: float) -> None:
        machine.pass_s(seconds)
        one.seconds += seconds
        other.seconds += seconds

    for world in (one, other):
        await world.heartbeat.beat()
    delivery = await other.arrive()
    assert await store.claim([delivery], other.heartbeat.owner.id, ["main"], other.clock.now())
    pass_s(30)
    await one.sweep.look()
    assert one.suspects == [], "the other could not beat either"
    await other.heartbeat.beat()
    pass_s(5)
    await one.heartbeat.beat()
    await one.sweep.look()
    assert one.suspects == []
    for _ in range(4):
        pass_s(3)
        await one.heartbeat.beat()
        await one.sweep.look()
    assert set(one.suspects) == {delivery}, "it beat once more and then no more"
    for world in (one, other):
        await world.exchange.close()
    await store.close()


async def test_a_clock_that_was_ahead_for_a_while_delays_nothing_once_it_is_right(tmp_path: Path) -> None:
    machine = Machine()
    store = await Store.open("sqlite://", project=tmp_path, clock=machine.clock())
    world = World(catalog_in(tmp_path), store, machine.clock())
    await world.heartbeat.beat()
    for step_s in (3600, -3600):
        machine.wall += timedelta(seconds=step_s)
        machine.pass_s(3)
        await world.heartbeat.beat()
        await world.arrive(step_s)
        await world.work()
    for _ in range(30):
        machine.pass_s(1)
        await world.heartbeat.beat()
        await world.sweep.look()
        await world.work()
    assert world.calls > 4, "both were tried again within seconds"
    await world.exchange.close()
    await store.close()


async def test_two_processes_whose_clocks_are_20_minutes_apart_agree_on_when_a_delivery_is_due(
    tmp_path: Path, postgres: Server
) -> None:
    instance, worlds = new_instance(), []
    catalog = catalog_in(tmp_path)
    for skew_m in (-10, 10):
        clock = SystemClock(lambda skew_m=skew_m: datetime.now(UTC) + timedelta(minutes=skew_m))  # type: ignore[misc]
        store = await Store.open(postgres.url, project=tmp_path, clock=clock, instance=instance)
        worlds.append(World(catalog, store, clock, f"o{skew_m}"))
        await worlds[-1].heartbeat.beat()
    slow, fast = worlds
    assert abs((slow.clock.now() - fast.clock.now()).total_seconds()) < 1
    delivery = await fast.arrive()
    assert await slow.work() == 1
    first = delay_s(STANDARD, 1, delivery)
    assert first is not None
    wait_s = (await fast.due_at(delivery) - fast.clock.now()).total_seconds()
    assert first - 2 < wait_s <= first + 1
    assert await fast.work() == 0
    assert fast.suspects == slow.suspects == []
    for world in worlds:
        await world.exchange.close()
        await world.store.close()


async def test_two_beats_at_once_make_up_for_a_difference_of_clocks_once() -> None:
    class Ahead:
        async def beat(self, _owner: Any, now: datetime) -> datetime:
            await asyncio.sleep(0)
            return now + timedelta(hours=1)

    machine = Machine()
    clock = machine.clock()
    heartbeat = Heartbeat(Ahead(), this_process(clock.now(), "h"), clock, lambda: 0.0)  # type: ignore[arg-type]
    await asyncio.gather(heartbeat.beat(), heartbeat.beat())
    assert clock.now() == START + timedelta(hours=1)
