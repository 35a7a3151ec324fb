"""Limits where processes have no place to share them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from engine.clock import VirtualClock
from engine.connector import Connector, Limits
from engine.errors import Wait
from engine.limits.divided import DividedPermits

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
    held += [await permits.take(hss) for _ in range(8)]
    for permit in held:
        await permits.give(permit, None)


async def test_a_part_is_never_nothing() -> None:
    permits = DividedPermits(VirtualClock(NOON), lambda: 10)
    await permits.take(Connector(name="hss", limits=Limits(concurrency=4, rate=1)))
