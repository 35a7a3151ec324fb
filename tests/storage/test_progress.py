"""`once` calls: one per pipeline, step and key, ever."""

from __future__ import annotations

import asyncio
from typing import Literal

import pytest

from engine.delivery import OnceKey
from engine.errors import ClaimLost
from engine.storage.protocol import Claimed
from tests.storage.scene import Scene, delivered, failed

KEY = OnceKey(pipeline="wtl", step="welcome", key="79001")


async def intend(scene: Scene, claimed: Claimed, key: OnceKey = KEY) -> str:
    return (await scene.store.intend(key, claimed.delivery_id, claimed.fence, scene.now)).state


async def two(scene: Scene) -> list[Claimed]:
    await scene.beat()
    return await scene.claim(await scene.delivery(), await scene.delivery())


async def test_the_first_intent_is_ours_and_others_are_told(scene: Scene) -> None:
    one, other = await two(scene)
    states = await asyncio.gather(intend(scene, one), intend(scene, other))
    assert states == ["mine", "busy"]
    assert await intend(scene, other, OnceKey(pipeline="wtl", step="welcome", key="79002")) == "mine"


async def test_what_is_done_is_done_with_its_result(scene: Scene) -> None:
    one, other = await two(scene)
    await intend(scene, one)
    await scene.store.settle(KEY, one.delivery_id, "done", {"id": 5}, scene.now)
    note = await scene.store.intend(KEY, other.delivery_id, other.fence, scene.now)
    assert (note.state, note.delivery_id, note.result) == ("done", one.delivery_id, {"id": 5})
    await scene.store.settle(KEY, other.delivery_id, "dropped", None, scene.now)
    await scene.store.settle(KEY, other.delivery_id, "unknown", None, scene.now)
    assert await intend(scene, other) == "done", "nothing undoes it"


async def test_what_was_dropped_may_be_sent_again(scene: Scene) -> None:
    one, other = await two(scene)
    await intend(scene, one)
    await scene.store.settle(KEY, other.delivery_id, "dropped", None, scene.now)
    assert await intend(scene, other) == "busy", "only its holder drops it"
    await scene.store.settle(KEY, one.delivery_id, "dropped", None, scene.now)
    assert await intend(scene, other) == "mine"


async def test_an_intent_nobody_settled_is_unknown_once_its_holder_ended(scene: Scene) -> None:
    one, other = await two(scene)
    await intend(scene, one)
    await scene.finish(one, failed())
    assert await intend(scene, other) == "unknown"


async def test_an_intent_is_unknown_once_its_process_is_dead(scene: Scene) -> None:
    (dying,) = await scene.claim(await scene.delivery())
    await scene.beat()
    await intend(scene, dying)
    scene.later(9)
    scene.owner = "two"
    await scene.beat()
    (other,) = await scene.claim(await scene.delivery())
    assert await intend(scene, other) == "busy"
    scene.later(2)
    await scene.beat()
    assert await intend(scene, other) == "unknown"


async def test_our_own_intent_of_an_earlier_attempt_is_unknown(scene: Scene) -> None:
    one, _ = await two(scene)
    await intend(scene, one)
    await scene.store.give_back(scene.owner, scene.now)
    again = await scene.claimed(one.delivery_id)
    assert await intend(scene, again) == "unknown"


async def test_an_unknown_one_stays_so_until_a_person_decides(scene: Scene) -> None:
    one, other = await two(scene)
    await intend(scene, one)
    await scene.store.settle(KEY, one.delivery_id, "unknown", None, scene.now)
    assert await intend(scene, other) == "unknown"
    await scene.finish(other, failed())
    await scene.finish(one, delivered())
    assert await intend(scene, (await two(scene))[0]) == "unknown"


@pytest.mark.parametrize(("decision", "then"), [("done", "done"), ("dropped", "mine")])
async def test_a_person_decides_by_a_replay(scene: Scene, decision: Literal["done", "dropped"], then: str) -> None:
    one, replay = await two(scene)
    await intend(scene, one)
    await scene.store.settle(KEY, one.delivery_id, "unknown", None, scene.now)
    await scene.store.settle(KEY, replay.delivery_id, decision, None, scene.now)
    assert await intend(scene, replay) == then


async def test_who_woke_up_late_does_not_drop_the_note_of_another(scene: Scene) -> None:
    late, other = await two(scene)
    await intend(scene, other)
    await scene.store.settle(KEY, other.delivery_id, "unknown", None, scene.now)
    await scene.finish(late, failed())
    await scene.store.settle(KEY, late.delivery_id, "dropped", None, scene.now)
    assert await intend(scene, (await two(scene))[0]) == "unknown"


async def test_who_lost_its_claim_may_not_intend(scene: Scene) -> None:
    one, _ = await two(scene)
    await scene.store.give_back(scene.owner, scene.now)
    with pytest.raises(ClaimLost):
        await intend(scene, one)
    await scene.claimed(one.delivery_id)
    with pytest.raises(ClaimLost):
        await intend(scene, one)


async def test_what_happened_is_noted_even_by_who_lost_its_claim(scene: Scene) -> None:
    one, other = await two(scene)
    await intend(scene, one)
    await scene.store.give_back(scene.owner, scene.now)
    await scene.store.settle(KEY, one.delivery_id, "done", None, scene.now)
    again = await scene.claimed(other.delivery_id)
    assert await intend(scene, again) == "done"
