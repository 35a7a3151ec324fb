"""What the sweep finds, and what becomes of a dead process's deliveries."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from engine.storage.protocol import Hold, Look
from tests.storage.scene import Scene, delivered, retry, routed


async def looks(scene: Scene, limit: int = 500) -> list[int]:
    return [look.delivery_id for look in await scene.store.look(scene.now, limit)]


async def test_a_new_delivery_is_looked_at_when_its_hint_should_have_come(scene: Scene) -> None:
    hinted = await scene.delivery()
    unhinted = (await scene.accept(routed(scene.now), hinted=False)).delivery_ids[0]
    assert await looks(scene) == [unhinted]
    scene.later(5)
    assert sorted(await looks(scene)) == [hinted, unhinted]


async def test_a_look_moves_on_five_seconds_doubling_to_a_minute(scene: Scene) -> None:
    one = await scene.delivery()
    gaps = []
    last = scene.now
    for _ in range(7):
        while not await looks(scene):
            scene.later(1)
        gaps.append((scene.now - last).total_seconds())
        last = scene.now
    assert gaps == [5, 5, 10, 20, 40, 60, 60]
    await scene.finish(await scene.claimed(one), retry(scene.now + timedelta(seconds=300)))
    scene.later(299)
    assert await looks(scene) == []
    scene.later(1)
    assert await looks(scene) == [one]
    scene.later(5)
    assert await looks(scene) == [one]


async def test_a_receiver_without_a_worker_looks_at_processed_answers_only(scene: Scene) -> None:
    await scene.delivery()
    processed = (await scene.accept(routed(scene.now), policy_off=True)).delivery_ids[0]
    scene.later(60)
    found = await scene.store.look(scene.now, 500, processed_only=True)
    assert [look.delivery_id for look in found] == [processed]
    assert len(await looks(scene)) == 1, "the workers' look is not taken from them"


async def test_no_two_sweeps_look_at_one_row(scene: Scene) -> None:
    for _ in range(10):
        await scene.delivery()
    scene.later(5)
    first, second = await looks(scene, 6), await looks(scene, 6)
    assert (len(first), len(second)) == (6, 4)
    assert not set(first) & set(second)


async def test_ten_thousand_blocked_lanes_do_not_starve_a_new_one(scene: Scene) -> None:
    await accept_blocked(scene, 10_000)
    scene.later(3600)
    new = (await scene.accept(routed(scene.now, "new"), hinted=False)).delivery_ids[0]
    seen: list[int] = []
    for _ in range(25):
        seen += await looks(scene)
        if new in seen:
            break
    assert new in seen
    assert len(seen) <= 10_500, "those behind a head are passed over"


async def accept_blocked(scene: Scene, lanes: int) -> None:
    """In each lane a head, and one behind it; few events, for they are not what is looked at."""

    async def some(first: int) -> None:
        names = [f"lane {lane}" for lane in range(first, first + 100)]
        for at in (0, 1):
            await scene.accept(*(routed(scene.now, name, at=at) for name in names), hinted=False)

    await asyncio.gather(*(some(first) for first in range(0, lanes, 100)))


async def test_a_running_delivery_is_left_alone_while_its_owner_lives(scene: Scene) -> None:
    await scene.beat()
    one = await scene.claimed(await scene.delivery())
    for _ in range(20):
        scene.later(3)
        await scene.beat()
        assert await looks(scene) == []
    await scene.finish(one, delivered())


async def test_what_ran_long_in_a_process_that_dies_is_found_within_fifteen_seconds(scene: Scene) -> None:
    await scene.claimed(await scene.delivery())
    for _ in range(4):
        await scene.beat()
        scene.later(3)
        assert await looks(scene) == []
    await scene.beat()
    waited = 0
    while not await looks(scene):
        scene.later(1)
        waited += 1
    assert 10 < waited <= 14


async def test_what_was_written_by_a_clock_that_is_set_back_waits_no_longer_than_it_was_to(scene: Scene) -> None:
    right = scene.now
    retried, before, running = [await scene.delivery() for _ in range(3)]
    await scene.finish(await scene.claimed(before), retry(scene.now + timedelta(hours=3)))
    scene.later(3600)
    new = await scene.delivery()
    await scene.finish(await scene.claimed(retried), retry(scene.now + timedelta(seconds=300)))
    await scene.claimed(running)
    scene.clock.move_to(right + timedelta(seconds=20))
    assert await looks(scene) == []
    for _ in range(2):
        await scene.store.set_back(scene.now)
    assert set(await looks(scene)) == {new, running}
    scene.later(299)
    assert retried not in await looks(scene)
    scene.later(1)
    assert retried in await looks(scene)
    scene.later(3600)
    assert before not in await looks(scene), "what was written by the right clock stays as it is"


async def test_who_died_by_a_clock_that_is_set_back_holds_nothing_until_that_time_comes(scene: Scene) -> None:
    right = scene.now
    scene.later(3600)
    await scene.beat()
    held = await scene.delivery()
    await scene.claimed(held)
    scene.clock.move_to(right)
    await scene.store.set_back(scene.now)
    assert await looks(scene) == [], "it may live still, and beat by the new clock in a moment"
    scene.later(10.1)
    assert await looks(scene) == [held]


async def stalled(scene: Scene, delivery_id: int, alone: bool = False) -> Look:
    """Claimed by a process that then dies."""
    await scene.beat()
    (claimed,) = await scene.claim(delivery_id, alone=alone)
    scene.later(10.1)
    (look,) = await scene.store.look(scene.now, 10)
    assert look.stalled and look.fence == claimed.fence
    return look


async def test_what_a_dead_process_held_waits_again_as_a_suspect(scene: Scene) -> None:
    one = await scene.delivery()
    look = await stalled(scene, one)
    assert await scene.store.release_stalled(look, scene.now) == "waiting"
    assert await scene.claim(one) == [], "a suspect runs alone"
    (again,) = await scene.claim(one, alone=True)
    assert (again.suspect, again.crashes, again.attempts, again.fence) == (True, 0, 0, 2)
    assert again.previous_ended_at == scene.now
    (attempt,) = await scene.store.attempts(one)
    assert attempt.ending == "unknown" and "outcome unknown: process one stopped" in attempt.reason


async def test_a_suspect_is_looked_at_every_five_seconds_for_only_the_process_that_looked_knows_of_it(
    scene: Scene,
) -> None:
    one = await scene.delivery()
    await scene.store.release_stalled(await stalled(scene, one), scene.now)
    for _ in range(20):
        assert await looks(scene) == []
        scene.later(5)
        assert await looks(scene) == [one]


async def test_what_was_hinted_to_a_process_that_is_gone_is_looked_at_anew(scene: Scene) -> None:
    first, behind = await scene.delivery("a"), await scene.delivery("a", at=1)
    later = await scene.delivery()
    await scene.finish(await scene.claimed(later), retry(scene.now + timedelta(seconds=300)))
    processed = (await scene.accept(routed(scene.now), policy_off=True)).delivery_ids[0]
    for _ in range(4):
        scene.later(20)
        await looks(scene)
    assert await looks(scene) == []
    assert await scene.store.forget_hints(scene.now) == 1
    assert await looks(scene) == [first], f"{behind} is behind it, {later} not due, {processed} its receiver's"
    scene.later(5)
    assert first in await looks(scene)


async def test_an_owner_nobody_knows_is_dead(scene: Scene) -> None:
    await scene.claimed(await scene.delivery())
    scene.later(10)
    assert [look.stalled for look in await scene.store.look(scene.now, 10)] == [True]


async def test_three_crashes_alone_set_it_aside(scene: Scene) -> None:
    one = await scene.delivery("a")
    behind = await scene.delivery("a", at=1)
    states = []
    for crash in range(4):
        look = await stalled(scene, one, alone=crash > 0)
        states.append(await scene.store.release_stalled(look, scene.now))
        scene.later(5)
    assert states == ["waiting", "waiting", "waiting", "failed"]
    assert len(await scene.store.attempts(one)) == 4
    row = await scene.store.event(f"#{one}")
    assert row and "set aside" in row.deliveries[0].reason
    assert await scene.claim(behind), "its lane goes on"


async def test_one_that_crashed_alone_is_not_begun_as_soon_as_a_process_starts(scene: Scene) -> None:
    """Or whatever kills each process soon after its start would meet it in flight each time, and have it set aside."""
    one = await scene.delivery()
    await scene.store.release_stalled(await stalled(scene, one), scene.now)
    await scene.store.release_stalled(await stalled(scene, one, alone=True), scene.now)
    assert await scene.claim(one, alone=True) == []
    scene.later(4.9)
    assert await scene.claim(one, alone=True) == [] == await looks(scene)
    scene.later(0.1)
    assert await looks(scene) == [one]
    (again,) = await scene.claim(one, alone=True)
    assert again.crashes == 1


async def test_an_attempt_that_ends_clears_the_suspicion(scene: Scene) -> None:
    one = await scene.delivery()
    await scene.store.release_stalled(await stalled(scene, one), scene.now)
    (claimed,) = await scene.claim(one, alone=True)
    await scene.finish(claimed, retry(scene.now))
    (again,) = await scene.claim(one)
    assert (again.suspect, again.crashes, again.attempts) == (False, 0, 1)


async def test_a_processed_one_is_interrupted(scene: Scene) -> None:
    one = (await scene.accept(routed(scene.now), policy_off=True)).delivery_ids[0]
    assert await scene.store.release_stalled(await stalled(scene, one), scene.now) == "failed"
    row = await scene.store.event(f"#{one}")
    assert row and row.deliveries[0].reason.startswith("interrupted")
    (standing,) = await scene.store.standing(row.id)
    assert standing.ending == {"kind": "failed", "fault": "lost"}, (
        "its sender is told to repeat, not that we are broken"
    )


async def test_two_sweeps_release_it_once(scene: Scene) -> None:
    look = await stalled(scene, await scene.delivery())
    assert await scene.store.release_stalled(look, scene.now) == "waiting"
    assert await scene.store.release_stalled(look, scene.now) is None


async def test_a_process_that_woke_up_keeps_its_claim_until_another_has_it(scene: Scene) -> None:
    look = await stalled(scene, await scene.delivery())
    await scene.beat()
    assert await scene.store.release_stalled(look, scene.now) is None


async def test_a_process_that_leaves_is_forgotten_at_once(scene: Scene) -> None:
    assert await scene.beat() == scene.now
    assert [(owner.id, at) for owner, at in await scene.store.owners()] == [("one", scene.now)]
    await scene.store.leave("one")
    assert await scene.store.owners() == []


async def test_what_a_process_that_left_still_held_is_looked_at_next(scene: Scene) -> None:
    await scene.beat()
    await scene.claimed(await scene.delivery())
    await scene.store.leave("one")
    assert [look.stalled for look in await scene.store.look(scene.now, 10)] == [True]


@pytest.mark.parametrize("scope", ["all", "pipeline:wtl", "connector:wtl-hss"])
async def test_lifting_a_hold_wakes_what_waited(scene: Scene, scope: str) -> None:
    one = await scene.delivery()
    later = await scene.claimed(await scene.delivery())
    await scene.finish(later, retry(scene.now + timedelta(seconds=300)))
    hold = Hold(scope=scope, kind="paused", by="ann", reason="maintenance", at=scene.now)
    await scene.store.set_hold(hold)
    assert await scene.store.holds() == [hold]
    assert await looks(scene) == []
    assert await scene.store.lift(scope, scene.now)
    assert await looks(scene) == [one]
    assert not await scene.store.lift(scope, scene.now)
    assert await scene.store.holds() == []
