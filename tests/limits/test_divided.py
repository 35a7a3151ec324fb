"""Limits where processes have no place to share them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from engine.clock import VirtualClock
from engine.connector import Breaker, Connector, Limits
from engine.errors import Wait
from engine.limits.divided import DividedPermits
from engine.request import Reply

NOON = datetime(2025, 5, 1, 12, tzinfo=UTC)


async def test_each_process_has_an_equal_part_of_a_rate_and_of_the_concurrency() -> None:
    processes, clock = [4], VirtualClock(NOON)
    permits = DividedPermits(clock, lambda: processes[0])
    hss = Connector(name="hss", limits=Limits(rate=20, concurrency=8))
    held = [await permits.take(hss) for _ in range(2)]
    with pytest.raises(Wait, match="all its calls under way"):
        await permits.take(hss)
    for permit in held:
        await permits.give(permit, None)
    before = clock.now()
    for _ in range(12):
        await permits.give(await permits.take(hss), None)
    assert (clock.now() - before).total_seconds() >= 2, "five a second"


async def test_a_process_that_goes_leaves_its_part_to_the_others() -> None:
    processes = [4]
    permits = DividedPermits(VirtualClock(NOON), lambda: processes[0])
    hss = Connector(name="hss", limits=Limits(concurrency=8))
    held = [await permits.take(hss) for _ in range(2)]
    processes[0] = 1
    held += [await permits.take(hss) for _ in range(6)]
    with pytest.raises(Wait, match="all its calls under way"):
        await permits.take(hss)
    for permit in held:
        await permits.give(permit, None)


async def test_a_process_that_comes_or_goes_ends_no_pause_and_closes_no_breaker() -> None:
    processes = [2]
    permits = DividedPermits(VirtualClock(NOON), lambda: processes[0])
    hss = Connector(name="hss")
    asked = Reply(status=429, asked_at=NOON, headers={"retry-after": "3600"})
    await permits.give(await permits.take(hss), asked)
    broken = Connector(name="crm", breaker=Breaker(failures=1, within_s=60, open_for_s=60))
    await permits.give(await permits.take(broken), Reply(status=500, asked_at=NOON))
    for processes[0] in (1, 3):
        with pytest.raises(Wait, match="asked for a pause"):
            await permits.take(hss)
        with pytest.raises(Wait, match="breaker of crm is open"):
            await permits.take(broken)


async def test_when_processes_come_the_part_shrinks_as_calls_end() -> None:
    processes = [1]
    permits = DividedPermits(VirtualClock(NOON), lambda: processes[0])
    hss = Connector(name="hss", limits=Limits(concurrency=4))
    held = [await permits.take(hss) for _ in range(4)]
    processes[0] = 2
    for _ in range(2):
        await permits.give(held.pop(), None)
        with pytest.raises(Wait, match="all its calls under way"):
            await permits.take(hss)
    await permits.give(held.pop(), None)
    await permits.give(await permits.take(hss), None)


async def test_a_part_is_never_nothing() -> None:
    permits = DividedPermits(VirtualClock(NOON), lambda: 10)
    await permits.take(Connector(name="hss", limits=Limits(concurrency=4, rate=1)))
