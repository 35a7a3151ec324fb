from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.clock import SystemClock, VirtualClock
from engine.errors import ClaimLost
from engine.owner import this_process
from engine.storage.protocol import Owner
from engine.storage.store import Store
from engine.working.heartbeat import SURE_FOR_S, Heartbeat

START = datetime(2026, 1, 1, tzinfo=UTC)


async def heartbeat_at(seconds: list[float], folder: Path) -> tuple[Heartbeat, Store]:
    clock = VirtualClock(START)
    store = await Store.open("sqlite://", project=folder, clock=clock)
    return Heartbeat(store, this_process(START, "h"), clock, lambda: seconds[0]), store


async def test_claims_are_sure_for_seven_seconds_after_a_beat(tmp_path: Path) -> None:
    seconds = [100.0]
    heartbeat, store = await heartbeat_at(seconds, tmp_path)
    assert not heartbeat.sure(), "nobody knows this process yet"
    await heartbeat.beat()
    seconds[0] += SURE_FOR_S - 0.1
    heartbeat.fence(heartbeat.gaps)
    seconds[0] += 0.1
    with pytest.raises(ClaimLost, match="nothing more is sent"):
        heartbeat.fence(heartbeat.gaps)
    await store.close()


async def test_what_was_claimed_before_a_gap_stays_fenced_when_the_beat_is_back(tmp_path: Path) -> None:
    seconds = [100.0]
    heartbeat, store = await heartbeat_at(seconds, tmp_path)
    await heartbeat.beat()
    before = heartbeat.gaps
    seconds[0] += 60
    await heartbeat.beat()
    assert heartbeat.sure()
    with pytest.raises(ClaimLost):
        heartbeat.fence(before)
    heartbeat.fence(heartbeat.gaps)
    await store.close()


class AheadStore:
    """A server whose clock is an hour ahead."""

    async def beat(self, owner: Owner, now: datetime) -> datetime:
        return datetime.now(UTC) + timedelta(hours=1)


async def test_time_is_the_stores() -> None:
    clock = SystemClock()
    owner = this_process(clock.now(), "h")
    heartbeat = Heartbeat(AheadStore(), owner, clock, asyncio.get_running_loop().time)  # type: ignore[arg-type]
    for _ in range(3):
        await heartbeat.beat()
    ahead = clock.now() - datetime.now(UTC)
    assert timedelta(minutes=59) < ahead < timedelta(minutes=61)
