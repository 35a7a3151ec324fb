"""Limits of a process that is left alone more than once."""

from __future__ import annotations

import asyncio

import pytest

from engine.clock import SystemClock
from engine.connector import Connector, Limits
from engine.errors import Wait
from engine.limits.apart import Apart, Known

HSS = Connector(name="hss", limits=Limits(concurrency=1), identity="hss-1")
KEY = (HSS.name, HSS.identity)


async def test_who_waited_while_another_time_apart_began_counts_in_it() -> None:
    apart = Apart(SystemClock())
    apart.begin({KEY: Known(HSS, None, 0, None)}, 1)
    first = await apart.take(HSS, 1)
    waiting = asyncio.create_task(apart.take(HSS, 1))
    await asyncio.sleep(0)
    apart.begin({KEY: Known(HSS, None, 1, None)}, 1)
    await apart.give(first, None)
    second = await waiting
    with pytest.raises(Wait, match="all its calls under way"):
        await apart.take(HSS, 1)
    await apart.give(second, None)
    await apart.give(await apart.take(HSS, 1), None)
    with pytest.raises(Wait):
        _ = [await apart.take(HSS, 1) for _ in range(2)]
