"""Claims, lanes, fences and outcomes."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from engine.errors import ClaimLost
from tests.storage.scene import Scene, delivered, event, failed, retry, routed, step, wait


async def test_a_claim_carries_the_event_and_a_fence(scene: Scene) -> None:
    one = event(scene.now, 5)
    accepted = await scene.accept(routed(scene.now), of=one)
    claimed = await scene.claimed(accepted.delivery_ids[0])
    assert claimed.event == one
    assert (claimed.fence, claimed.attempts, claimed.pipeline, claimed.done) == (1, 0, "wtl", ())
    assert claimed.seed


async def test_a_delivery_is_claimed_once(scene: Scene) -> None:
    one = await scene.delivery()
    claims = await asyncio.gather(*(scene.claim(one) for _ in range(5)))
    assert sum(len(claim) for claim in claims) == 1


async def test_only_what_is_due_and_of_a_known_pipeline_is_claimed(scene: Scene) -> None:
    one = await scene.delivery()
    assert await scene.claim(one, pipelines=["crm"]) == []
    assert await scene.claim(one, pipelines=[]) == []
    first = await scene.claimed(one)
    await scene.finish(first, retry(scene.now + timedelta(seconds=5)))
    assert await scene.claim(one) == []
    scene.later(5)
    again = await scene.claimed(one)
    assert (again.fence, again.attempts, again.previous_ended_at) == (2, 1, scene.now - timedelta(seconds=5))
    assert again.seed == first.seed


async def test_strict_runs_the_first_and_a_retrying_one_blocks_its_lane(scene: Scene) -> None:
    second = await scene.delivery("a", at=2)
    first = await scene.delivery("a", at=1)
    assert [one.delivery_id for one in await scene.claim(second, first)] == [first]
    assert await scene.claim(second) == []
    assert [one.delivery_id for one in await scene.claim(first, second)] == []


async def test_the_end_of_one_names_the_next_of_its_lane(scene: Scene) -> None:
    first, second, third = [await scene.delivery("a", at=at) for at in range(3)]
    other = await scene.delivery("b")
    claimed = await scene.claimed(first)
    assert await scene.finish(claimed, retry(scene.now + timedelta(seconds=60))) == ()
    assert await scene.claim(second, third) == []
    scene.later(60)
    assert await scene.finish(await scene.claimed(first), delivered()) == (second,)
    assert await scene.finish(await scene.claimed(other), delivered()) == ()
    assert await scene.finish(await scene.claimed(second), failed()) == (third,)


async def test_ties_go_by_the_event_number_then_by_arrival(scene: Scene) -> None:
    later = await scene.delivery("a", position_event=10)
    sooner = await scene.delivery("a", position_event=9)
    tied = await scene.delivery("a", position_event=9)
    order = []
    for _ in range(3):
        (one,) = await scene.claim(later, sooner, tied)
        order.append(one.delivery_id)
        await scene.finish(one, delivered())
    assert order == [sooner, tied, later]


async def test_latest_runs_the_last_and_supersedes_the_others(scene: Scene) -> None:
    first, third, second = [await scene.delivery("a", "latest", at=at) for at in (1, 3, 2)]
    assert [one.delivery_id for one in await scene.claim(first, second, third)] == [third]
    assert await scene.state(first) == await scene.state(second) == "superseded"
    row = await scene.store.event(f"#{first}")
    assert row and row.deliveries[0].superseded_by == third


async def test_one_that_arrives_while_an_older_runs_runs_after_it(scene: Scene) -> None:
    older = await scene.claimed(await scene.delivery("a", "latest", at=1))
    newer = await scene.delivery("a", "latest", at=2)
    assert await scene.claim(newer) == []
    assert await scene.finish(older, delivered()) == (newer,)
    assert await scene.claim(newer)


async def test_a_retrying_older_one_is_superseded_by_the_newer(scene: Scene) -> None:
    older = await scene.delivery("a", "latest", at=1)
    running = await scene.claimed(older)
    newer = await scene.delivery("a", "latest", at=2)
    assert await scene.finish(running, retry(scene.now + timedelta(seconds=60))) == (newer,)
    await scene.claimed(newer)
    assert await scene.state(older) == "superseded"


@pytest.mark.parametrize(("source", "state"), [("espf", "running"), ("nsps", "superseded")])
async def test_an_older_one_after_a_newer_was_delivered(scene: Scene, source: str, state: str) -> None:
    newer = await scene.delivery("a", "latest", at=2, source=source)
    await scene.finish(await scene.claimed(newer), delivered())
    older = await scene.delivery("a", "latest", at=1, source=source)
    await scene.claim(older)
    assert await scene.state(older) == state


async def test_a_lane_of_both_modes_is_never_stuck(scene: Scene) -> None:
    modes = ("latest", "strict", "latest", "strict", "latest")
    ids = [await scene.delivery("a", mode, at=at) for at, mode in enumerate(modes)]
    ended = 0
    while claimed := await scene.claim(*ids):
        assert len(claimed) == 1
        await scene.finish(claimed[0], delivered())
        ended += 1
    assert ended == 3
    assert {await scene.state(one) for one in ids} == {"delivered", "superseded"}


async def test_unordered_deliveries_run_side_by_side(scene: Scene) -> None:
    ids = [await scene.delivery() for _ in range(5)]
    assert len(await scene.claim(*ids)) == 5


async def test_strays_are_old_claims_of_an_owner_that_it_does_not_run(scene: Scene) -> None:
    runs, stray = await scene.delivery(), await scene.delivery("a")
    behind = await scene.delivery("a", at=1)
    await scene.claim(runs, stray)
    before = scene.now
    scene.later(1)
    new = await scene.delivery()
    await scene.claim(new)
    assert await scene.store.give_back_strays("another", [], before, scene.now) == 0
    assert await scene.store.give_back_strays(scene.owner, [runs], before, scene.now) == 1
    assert [await scene.state(one) for one in (runs, stray, new)] == ["running", "waiting", "running"]
    assert await scene.claim(behind) == [], "in its lane it is the first still"
    assert (await scene.claimed(stray)).attempts == 0
    assert await scene.store.give_back_strays(scene.owner, [runs], before, scene.now) == 0


async def test_an_outcome_with_another_fence_is_refused_and_nothing_is_written(scene: Scene) -> None:
    one = await scene.delivery()
    frozen = await scene.claimed(one)
    assert await scene.store.give_back(scene.owner, scene.now) == 1
    with pytest.raises(ClaimLost, match=f"delivery {one} is no longer"):
        await scene.finish(frozen, delivered())
    claimed = await scene.claimed(one)
    with pytest.raises(ClaimLost):
        await scene.finish(frozen, delivered())
    assert await scene.state(one) == "running"
    assert await scene.store.attempts(one) == []
    await scene.finish(claimed, delivered())
    with pytest.raises(ClaimLost):
        await scene.finish(claimed, delivered())


async def test_one_lost_claim_in_a_group_spoils_no_other(scene: Scene) -> None:
    claimed = await scene.claim(*[await scene.delivery() for _ in range(4)])
    before = scene.store.commits
    ends = [scene.finish(one, delivered()) for one in (*claimed, claimed[0])]
    results = await asyncio.gather(*ends, return_exceptions=True)
    assert [type(one) for one in results] == [tuple] * 4 + [ClaimLost]
    assert scene.store.commits - before == 1


async def test_a_wait_uses_no_attempt(scene: Scene) -> None:
    one = await scene.delivery()
    await scene.finish(await scene.claimed(one), wait(scene.now + timedelta(seconds=1)))
    scene.later(1)
    assert (await scene.claimed(one)).attempts == 0
    assert await scene.store.attempts(one) == []


async def test_progress_survives_and_is_erased_at_the_end(scene: Scene) -> None:
    one = await scene.delivery()
    claimed = await scene.claimed(one)
    await scene.store.keep_done(one, claimed.fence, step("create", result={"id": 5}))
    await scene.store.give_back(scene.owner, scene.now)
    claimed = await scene.claimed(one)
    assert claimed.done == (step("create", result={"id": 5}),)
    await scene.finish(claimed, retry(scene.now, done=(step("create", result={"id": 5}), step("sms"))))
    claimed = await scene.claimed(one)
    assert [done.step for done in claimed.done] == ["create", "sms"]
    with pytest.raises(ClaimLost):
        await scene.store.keep_done(one, claimed.fence - 1, step("late"))


async def test_an_attempt_and_what_people_find_it_by_are_kept(scene: Scene) -> None:
    one = await scene.delivery()
    claimed = await scene.claimed(one)
    search = {"imsi": "250011234567890"}
    await scene.finish(claimed, failed(), trace=b'{"a":1}', search=search, config_hash="c1", replies=b"[1]")
    (attempt,) = await scene.store.attempts(one)
    assert (attempt.number, attempt.ending, attempt.reason) == (1, "failed", "no such subscriber")
    assert (attempt.config_hash, attempt.trace) == ("c1", b'{"a":1}')
    assert await scene.ids(find="250011234567890") == [claimed.event.id]
    assert await scene.store.replies(one) == [b"[1]"]


async def test_what_is_given_back_is_due_now_and_counts_nothing(scene: Scene) -> None:
    ids = [await scene.delivery() for _ in range(3)]
    await scene.claim(*ids)
    assert await scene.store.give_back("another", scene.now) == 0
    assert await scene.store.give_back(scene.owner, scene.now) == 3
    again = await scene.claim(*ids)
    assert {(one.fence, one.attempts, one.suspect) for one in again} == {(2, 0, False)}


async def test_what_a_processed_answer_gave_up_is_failed_without_an_attempt(scene: Scene) -> None:
    waiting, running = await scene.delivery(), await scene.delivery()
    await scene.claimed(running)
    assert await scene.store.abandon([waiting, running], "interrupted", scene.now) == 1
    assert (await scene.state(waiting), await scene.state(running)) == ("failed", "running")
