from __future__ import annotations

import asyncio

from engine.settings import InFlight
from engine.working.room import Room


def test_a_pipeline_has_its_share_and_all_together_have_the_total() -> None:
    room = Room(InFlight(total=3, per_pipeline=2))
    room.enter("a")
    room.enter("a")
    assert (room.free("a"), room.free("b"), room.free("b", besides=1)) == (0, 1, 1)
    room.enter("b")
    assert room.free("b") == 0
    room.leave("a")
    assert (room.free("a"), room.free("b")) == (1, 1)


def test_dead_systems_that_take_all_there_is_leave_every_other_pipeline_a_little() -> None:
    room = Room(InFlight(total=400, per_pipeline=100))
    for dead in "abcd":
        for _ in range(100):
            room.enter(dead)
    assert [room.free("a"), room.free("alive")] == [0, 8]
    for _ in range(8):
        room.enter("alive")
    assert (room.free("alive"), room.free("other", besides=3)) == (0, 8)


async def test_it_says_when_it_is_empty_and_when_that_takes_too_long() -> None:
    room = Room(InFlight())
    assert await room.emptied(0.01)
    room.enter("a")
    assert not await room.emptied(0.01)
    waiting = asyncio.create_task(room.emptied(10))
    await asyncio.sleep(0)
    room.leave("a")
    assert await waiting
