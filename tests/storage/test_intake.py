"""Events come in: once each, with their deliveries, in few commits."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from engine.errors import StoreUnavailable
from engine.storage.protocol import Accepted, Arrival
from tests.storage.scene import Scene, delivered, event, failed, routed, step


async def test_an_event_and_its_deliveries_are_stored_together(scene: Scene) -> None:
    one = event(scene.now, 7)
    accepted = await scene.accept(routed(scene.now), routed(scene.now, pipeline="crm"), of=one)
    assert accepted.new and accepted.event_id == one.id and len(accepted.delivery_ids) == 2
    row = await scene.store.event(one.id)
    assert row is not None
    assert [(d.pipeline, d.state) for d in row.deliveries] == [("wtl", "waiting"), ("crm", "waiting")]
    assert (row.body, row.received_at, row.i_event, row.trace_id) == (one.body, scene.now, "7", "abc")


async def test_many_at_once_share_few_commits(scene: Scene) -> None:
    before = scene.store.commits
    answers = await asyncio.gather(*(scene.accept(routed(scene.now)) for _ in range(100)))
    assert len({answer.event_id for answer in answers}) == 100
    assert len({answer.delivery_ids for answer in answers}) == 100
    assert scene.store.commits - before <= 2


async def test_a_repeat_is_answered_with_the_first_and_counted(scene: Scene) -> None:
    first = await scene.accept(routed(scene.now), key="k")
    repeat = await scene.accept(routed(scene.now), key="k")
    assert repeat == Accepted(event_id=first.event_id, new=False, delivery_ids=())
    row = await scene.store.event(first.event_id)
    assert row and row.repeats == 1 and len(row.deliveries) == 1
    counts = await scene.store.counts()
    assert (counts["events"], counts["repeats"]) == (1, 1)


async def test_of_copies_in_one_group_one_is_stored_and_all_are_answered(scene: Scene) -> None:
    before = scene.store.commits
    answers = await asyncio.gather(*(scene.accept(routed(scene.now), key="same") for _ in range(10)))
    assert scene.store.commits - before == 1
    assert [answer.new for answer in answers] == [True] + [False] * 9
    assert len({answer.event_id for answer in answers}) == 1
    row = await scene.store.event(answers[0].event_id)
    assert row and row.repeats == 9


async def test_an_event_without_a_key_is_never_a_repeat(scene: Scene) -> None:
    for _ in range(2):
        arrival = Arrival(event=event(scene.now, 1), routed=[routed(scene.now)], key=None)
        assert (await scene.store.accept(arrival)).new


async def test_the_same_id_with_other_content_is_stored_and_names_the_first(scene: Scene) -> None:
    first = await scene.accept(of=event(scene.now, 5), id_key="i5")
    other = await scene.accept(of=event(scene.now, 5, i_account=1), id_key="i5")
    elsewhere = await scene.accept(of=event(scene.now, 5, i_env="4"), id_key="i5 of env 4")
    assert (first.same_id_as, other.same_id_as, elsewhere.same_id_as) == (None, first.event_id, None)
    both = [scene.accept(of=event(scene.now, 6, i_account=at), id_key="i6") for at in range(2)]
    one, two = await asyncio.gather(*both)
    assert (one.same_id_as, two.same_id_as) == (None, one.event_id)


async def test_an_event_no_pipeline_takes_is_kept_and_seen(scene: Scene) -> None:
    accepted = await scene.accept()
    assert accepted.delivery_ids == ()
    assert await scene.ids(state="unrouted") == [accepted.event_id]
    ids = await scene.store.route_again(accepted.event_id, [routed(scene.now)], scene.now)
    assert await scene.ids(state="unrouted") == []
    assert [one.delivery_id for one in await scene.claim(*ids)] == list(ids)


async def test_a_failing_expression_makes_a_failed_delivery(scene: Scene) -> None:
    reason = "wtl.yaml:4:9: order.key: wrong type"
    accepted = await scene.accept(routed(scene.now, failed=reason), routed(scene.now, pipeline="crm"))
    row = await scene.store.event(accepted.event_id)
    assert row is not None
    assert [(d.state, d.reason) for d in row.deliveries] == [("failed", reason), ("waiting", "")]
    assert accepted.delivery_ids == (row.deliveries[1].id,)
    assert (await scene.store.counts())["failed"] == 1


async def test_numbers_of_deliveries_are_never_given_twice(scene: Scene) -> None:
    numbers = []
    for _ in range(3):
        number = await scene.delivery()
        await scene.finish(await scene.claimed(number), delivered())
        numbers.append(number)
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize(
    "body",
    [
        b'{"event_type":"SIM/Updated","variables":{"i_event":1}}',
        b'{"event_type":"SIM/Updated","i_event":1}',  # data is not what the body alone gives
        b"event_type=SIM%2FUpdated",
        b"\xff\xfe",
        b"",
    ],
)
async def test_an_event_comes_back_as_it_was_accepted(scene: Scene, body: bytes) -> None:
    data = {"event_type": "SIM/Updated", "variables": {"i_event": 1}}
    one = event(scene.now, body=body, data=data)
    accepted = await scene.accept(of=one)
    assert await scene.store.stored_event(accepted.event_id) == one


async def test_the_facts_of_an_envelope_come_back(scene: Scene) -> None:
    one = event(scene.now, source="nsps", created_at="2026-11-23T11:59:59Z")
    assert one.facts
    await scene.accept(of=one)
    assert await scene.store.stored_event(one.id) == one


HOSTILE: dict[str, dict[str, Any]] = {
    "lone surrogate": {"event_type": "SIM/\ud800"},
    "NUL": {"event_type": "a\x00b", "i_event": "\x00"},
    "long": {"i_event": "9" * 5000},
    "huge integer": {"data": {"event_type": "x", "variables": {"i_event": 10**40}}},
}


@pytest.mark.parametrize("more", HOSTILE.values(), ids=HOSTILE)
async def test_hostile_values_are_stored(scene: Scene, more: dict[str, Any]) -> None:
    one = event(scene.now, **more)
    route = routed(scene.now, position_event=10**40)
    accepted = await scene.accept(route, of=one)
    claimed = await scene.claimed(accepted.delivery_ids[0])
    assert claimed.event.data == one.data
    assert claimed.event.body == one.body


async def test_a_row_that_cannot_be_stored_refuses_only_itself(scene: Scene) -> None:
    bad = event(scene.now, 2, body=object())
    calls = [scene.accept(routed(scene.now)), scene.accept(routed(scene.now), of=bad), scene.accept(routed(scene.now))]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(one) for one in results] == [Accepted, StoreUnavailable, Accepted]
    assert len(await scene.ids()) == 2


# --- the NSPS role: the sender waits ----------------------------------------------------------------------------------


def envelope(scene: Scene, account: int = 277, event_id: str = "11111111-2222-4333-8444-555555555555") -> Any:
    return event(scene.now, source="nsps", i_account=account, id=event_id)


async def process(scene: Scene, account: int = 277, *routes: Any) -> Accepted:
    look_at = scene.now + timedelta(seconds=40)
    chosen = routes or (routed(scene.now), routed(scene.now, pipeline="crm"))
    return await scene.accept(
        *chosen, of=envelope(scene, account), key="e", replace_body=True, policy_off=True, look_at=look_at
    )


async def test_a_processed_arrival_says_how_its_deliveries_stand(scene: Scene) -> None:
    first = await process(scene)
    assert [(one.pipeline, one.state) for one in first.standing] == [("wtl", "waiting"), ("crm", "waiting")]
    assert first.standing == await scene.store.standing(first.event_id)
    assert await scene.store.look(scene.now + timedelta(seconds=39), 10) == []
    orphans = await scene.store.look(scene.now + timedelta(seconds=40), 10)
    assert [one.policy_off for one in orphans] == [True, True]


async def test_a_repeat_attempts_only_what_failed_with_the_new_facts(scene: Scene) -> None:
    first = await process(scene)
    good, bad = await scene.claim(*first.delivery_ids)
    assert good.policy_off
    await scene.finish(good, delivered())
    await scene.store.keep_done(bad.delivery_id, bad.fence, step("create"))
    await scene.finish(bad, failed(answer=404))
    assert [one.state for one in await scene.store.standing(first.event_id)] == ["delivered", "failed"]
    assert (await scene.store.counts())["deliveries"]["crm"] == {"failed": 1}

    repeat = await process(scene, 278)
    assert not repeat.new and repeat.delivery_ids == ()
    assert [(one.delivery_id, one.state) for one in repeat.standing] == [
        (good.delivery_id, "delivered"),
        (bad.delivery_id, "waiting"),
    ]
    assert (await scene.store.counts())["deliveries"]["crm"] == {"waiting": 1}
    again = await scene.claimed(bad.delivery_id)
    assert (again.attempts, again.fence, again.seed, again.done) == (1, 2, bad.seed, (step("create"),))
    assert again.event.facts == {"account_info": {"i_account": 278}}
    assert again.previous_ended_at == scene.now


async def test_a_repeat_of_what_ended_well_changes_nothing(scene: Scene) -> None:
    first = await process(scene)
    for one in await scene.claim(*first.delivery_ids):
        await scene.finish(one, delivered())
    repeat = await process(scene, 278)
    assert [one.state for one in repeat.standing] == ["delivered", "delivered"]
    stored = await scene.store.stored_event(first.event_id)
    assert stored and json.loads(stored.body)["pb_data"] == {"account_info": {"i_account": 277}}


async def test_a_repeat_that_meets_a_running_attempt_sees_it_run(scene: Scene) -> None:
    first = await process(scene)
    await scene.claim(first.delivery_ids[0])
    repeat = await process(scene)
    assert [one.state for one in repeat.standing] == ["running", "waiting"]


async def test_another_process_can_give_the_answer_of_the_attempt_that_ended(scene: Scene) -> None:
    first = await process(scene, 277, routed(scene.now))
    await scene.finish(await scene.claimed(first.delivery_ids[0]), failed("gone", answer=404, status=410))
    (standing,) = await scene.store.standing(first.event_id)
    assert standing.reason == "gone"
    assert standing.ending and (standing.ending["answer"], standing.ending["status"]) == (404, 410)


async def test_a_replay_counts_for_what_it_replays(scene: Scene) -> None:
    first = await process(scene, 277, routed(scene.now))
    await scene.finish(await scene.claimed(first.delivery_ids[0]), failed())
    replay = await scene.store.replay(first.delivery_ids[0], routed(scene.now), scene.now, [], [])
    await scene.finish(await scene.claimed(replay), delivered())
    repeat = await process(scene, 277, routed(scene.now))
    assert [(one.delivery_id, one.state) for one in repeat.standing] == [(replay, "delivered")]
