from __future__ import annotations

import asyncio

from engine.settings import InFlight
from engine.working.room import Room


def test_a_pipeline_has_its_share_and_all_together_have_the_total() -> None:
    room = Room(InFlight(total=3, per_pipeline=2))
    room.enter("a")
    room.enter("a")
    assert (room.free("a"), room.free("b"), room.left) == (0, 1, 1)
    room.enter("b")
    assert room.free("b") == 0
    room.leave("a")
    assert (room.free("a"), room.free("b")) == (1, 1)


async def test_it_says_when_it_is_empty_and_when_that_takes_too_long() -> None:
    room = Room(InFlight())
    assert await room.emptied(0.01)
    room.enter("a")
    assert not await room.emptied(0.01)
    waiting = asyncio.create_task(room.emptied(10))
    await asyncio.sleep(0)
    room.leave("a")
    assert await waiting
