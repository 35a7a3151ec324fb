"""What a heartbeat tells of time: processes that receive side by side must agree on what came first."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from statistics import median

import pytest
from sqlalchemy import text

from engine.clock import SystemClock
from engine.storage.postgresql import WRITERS
from engine.storage.protocol import Owner
from tests.storage.conftest import Place

on_a_server = pytest.mark.parametrize("place", ["postgresql"], indirect=True)
BUSY = text("SELECT pg_sleep(0.5)")
# The server runs on this machine, so its clock and ours are one: whatever is told beyond that is an error of measurement.
SMALL = timedelta(milliseconds=200)


@on_a_server
async def test_a_heartbeat_that_had_to_wait_for_its_turn_does_not_take_the_wait_for_a_difference_of_clocks(
    place: Place,
) -> None:
    clock = SystemClock()
    store = await place.open(clock)
    try:
        owner = Owner(id="one", host="h", pid=1, started_at=clock.now(), config_hash="c")
        busy = [
            asyncio.ensure_future(store._write(lambda connection: connection.execute(BUSY))) for _ in range(WRITERS)
        ]
        await asyncio.sleep(0)
        asked_at = clock.now()
        told = await store.beat(owner, asked_at)
        await asyncio.gather(*busy)
        assert abs(told - asked_at) < SMALL
    finally:
        await store.close()


async def test_heartbeats_do_not_shift_the_clock_of_a_process_by_themselves(place: Place) -> None:
    clock = SystemClock()
    store = await place.open(clock)
    try:
        owner = Owner(id="one", host="h", pid=1, started_at=clock.now(), config_hash="c")
        shifts = []
        for _ in range(20):
            asked_at = clock.now()
            shifts.append(await store.beat(owner, asked_at) - asked_at)
        assert abs(median(shifts)) < SMALL / 20  # a single one may have met a busy machine; a bias is in all of them
    finally:
        await store.close()
