"""What people see: events, deliveries, counts; replays; refusals; what is kept and what goes."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from engine.errors import WrongUse
from engine.storage.protocol import Hold, Refusal
from engine.storage.refusing import BOUNDS
from tests.storage.scene import Scene, delivered, event, failed, retry, routed, step

DAY_S = 86_400.0


async def test_events_are_shown_newest_first_a_page_at_a_time(scene: Scene) -> None:
    ids = [(await scene.accept()).event_id for _ in range(7)]
    seen: list[str] = []
    while page := await scene.ids(limit=3, before=seen[-1] if seen else None):
        seen += page
    assert seen == ids[::-1]
    with pytest.raises(WrongUse, match="there is no event nope"):
        await scene.ids(before="nope")


async def test_events_are_filtered(scene: Scene) -> None:
    waiting = (await scene.accept(routed(scene.now))).event_id
    scene.later(10)
    other = await scene.accept(routed(scene.now, pipeline="crm"), of=event(scene.now, 8, event_type="DID/Created"))
    claimed = await scene.claimed(other.delivery_ids[0])
    await scene.finish(claimed, failed())
    assert await scene.ids(state="waiting") == [waiting]
    assert await scene.ids(state="failed") == await scene.ids(pipeline="crm") == [other.event_id]
    assert await scene.ids(state="failed", pipeline="wtl") == await scene.ids(state="delivered") == []
    assert await scene.ids(event_type="DID/Created") == await scene.ids(since=scene.now) == [other.event_id]


async def test_an_event_is_found_by_what_people_know(scene: Scene) -> None:
    one = event(scene.now, 4711, i_account=88)
    number = (await scene.accept(routed(scene.now), of=one)).delivery_ids[0]
    for known in (one.id, one.id[:8], "4711", str(number), f"#{number}", f" {one.id} "):
        row = await scene.store.event(known)
        assert row and row.id == one.id, known
    for known in (one.id, "4711", "88"):
        assert await scene.ids(find=known) == [one.id]
    for unknown in ("", "a", "nope", "#", "#99", "999999999999999999999999", "%", one.id[:3]):
        assert await scene.store.event(unknown) is None
    assert await scene.ids(find="nope") == []


async def test_a_beginning_that_two_events_share_finds_neither(scene: Scene) -> None:
    first, second = [event(scene.now, number) for number in range(2)]
    for one in (first, second):
        await scene.accept(of=one)
    assert first.id[:13] == second.id[:13], "they came in the same millisecond"
    for known in (first.id[:4], first.id[:8], first.id[:9], first.id[:13]):
        assert await scene.store.event(known) is None
    row = await scene.store.event(second.id[:30])
    assert row and row.id == second.id


async def test_a_delivery_says_which_one_it_is_behind(scene: Scene) -> None:
    first, second, third = [await scene.delivery("a", at=at) for at in range(3)]
    alone = await scene.delivery("b", "latest")

    async def behind(number: int) -> int | None:
        row = await scene.store.event(f"#{number}")
        return row.deliveries[0].behind if row else None

    assert [await behind(one) for one in (first, second, third, alone)] == [None, first, first, None]
    await scene.finish(await scene.claimed(first), retry(scene.now + timedelta(seconds=60)))
    assert await behind(second) == first


async def test_counts_say_what_there_is(scene: Scene) -> None:
    await scene.accept()
    ids = [await scene.delivery() for _ in range(5)]
    ok, bad, *_ = await scene.claim(*ids[:3])
    await scene.finish(ok, delivered())
    await scene.finish(bad, failed())
    counts = await scene.store.counts()
    assert counts["deliveries"] == {"wtl": {"delivered": 1, "failed": 1, "running": 1, "waiting": 2}}
    assert (counts["events"], counts["unrouted"], counts["failed"]) == (6, 1, 1)


async def test_what_is_due_longest_could_start_now(scene: Scene) -> None:
    began = scene.now
    head, _behind = await scene.delivery("a", at=0), await scene.delivery("a", at=1)
    assert await scene.store.due_longest(["wtl"]) == began
    assert await scene.store.due_longest(["other"]) is None
    await scene.finish(await scene.claimed(head), retry(began + timedelta(hours=6)))
    assert await scene.store.due_longest(["wtl"]) == began + timedelta(hours=6), "what waits behind it is not late"
    scene.later(60)
    free = await scene.delivery("b")
    assert await scene.store.due_longest(["wtl"]) == scene.now
    await scene.claimed(free)
    assert await scene.store.due_longest(["wtl"]) == began + timedelta(hours=6)


async def test_a_replay_is_a_new_delivery_with_a_new_seed(scene: Scene) -> None:
    old = await scene.claimed(await scene.delivery("a"))
    await scene.store.keep_done(old.delivery_id, old.fence, step())
    with pytest.raises(WrongUse, match="is running: only a finished one"):
        await scene.store.replay(old.delivery_id, routed(scene.now, "a"), scene.now, [], [])
    await scene.finish(old, failed())
    number = await scene.store.replay(old.delivery_id, routed(scene.now, "a"), scene.now, ["sms"], ["create"])
    replay = await scene.claimed(number)
    assert replay.seed != old.seed and replay.attempts == 0 and replay.done == ()
    assert (replay.resend, replay.assume_done) == (frozenset({"sms"}), frozenset({"create"}))
    assert replay.event == old.event
    row = await scene.store.event(old.event.id)
    assert row and [(one.state, one.replay_of) for one in row.deliveries] == [
        ("failed", None),
        ("running", old.delivery_id),
    ]
    with pytest.raises(WrongUse, match="there is no delivery 999"):
        await scene.store.replay(999, routed(scene.now), scene.now, [], [])


async def test_what_was_sent_again_is_no_longer_among_what_failed(scene: Scene) -> None:
    one = await scene.accept(routed(scene.now), routed(scene.now, pipeline="crm"))
    for number in one.delivery_ids:
        await scene.finish(await scene.claimed(number), failed())
    other = await scene.accept(routed(scene.now))
    await scene.finish(await scene.claimed(other.delivery_ids[0]), failed())
    wtl, crm = one.delivery_ids
    assert await scene.ids(state="failed") == [other.event_id, one.event_id]

    again = await scene.store.replay(wtl, routed(scene.now), scene.now, [], [])
    assert await scene.ids(state="failed", pipeline="wtl") == [other.event_id]
    assert await scene.ids(state="failed") == [other.event_id, one.event_id], "the other pipeline's was not"
    await scene.store.replay(crm, routed(scene.now, pipeline="crm"), scene.now, [], [])
    assert await scene.ids(state="failed") == [other.event_id]
    assert await scene.ids(state="failed", find=one.event_id) == []

    await scene.finish(await scene.claimed(again), failed())
    assert await scene.ids(state="failed", pipeline="wtl") == [other.event_id, one.event_id], "it failed once more"
    assert await scene.ids(state="failed", find=one.event_id) == [one.event_id]
    last = await scene.store.replay(again, routed(scene.now), scene.now, [], [])
    await scene.finish(await scene.claimed(last), delivered())
    assert await scene.ids(state="failed") == [other.event_id]


async def test_of_two_who_send_all_again_one_does(scene: Scene) -> None:
    numbers = [await scene.delivery() for _ in range(5)]
    for number in numbers:
        await scene.finish(await scene.claimed(number), failed())

    async def again(number: int) -> int:
        return await scene.store.replay(number, routed(scene.now), scene.now, [], [], True)

    came = await asyncio.gather(*(again(number) for number in numbers * 2), return_exceptions=True)
    made = [one for one in came if isinstance(one, int)]
    refused = [str(one) for one in came if isinstance(one, WrongUse)]
    assert len(made) == len(refused) == 5
    assert all("was sent again already" in one for one in refused)
    await scene.store.replay(numbers[0], routed(scene.now), scene.now, [], [])  # whoever names it means it


async def test_of_two_who_route_an_event_again_one_does(scene: Scene) -> None:
    one = await scene.accept()

    async def again() -> tuple[int, ...]:
        return await scene.store.route_again(one.event_id, [routed(scene.now)], scene.now)

    came = await asyncio.gather(again(), again(), return_exceptions=True)
    assert sorted(type(found).__name__ for found in came) == ["WrongUse", "tuple"]
    row = await scene.store.event(one.event_id)
    assert row and len(row.deliveries) == 1


async def test_a_replay_that_cannot_be_placed_fails_again(scene: Scene) -> None:
    old = await scene.claimed(await scene.delivery())
    await scene.finish(old, failed())
    number = await scene.store.replay(old.delivery_id, routed(scene.now, failed="order.key"), scene.now, [], [])
    assert await scene.state(number) == "failed"


def refusal(scene: Scene, number: int = 1, **more: object) -> Refusal:
    values = {
        "at": scene.now,
        "source": "espf",
        "status": 401,
        "reason": "wrong credentials",
        "sender": "10.0.0.1",
        "headers": {"content-type": "application/json"},
        "body": f"body {number}".encode(),
    }
    return Refusal(**{**values, **more})  # type: ignore[arg-type]


async def test_a_refusal_is_kept_and_can_be_admitted(scene: Scene) -> None:
    await scene.store.refuse(refusal(scene))
    (kept,) = await scene.store.refusals(10)
    assert (kept.body, kept.headers, kept.at) == (b"body 1", {"content-type": "application/json"}, scene.now)
    await scene.store.admitted(kept.id, "an-event")
    again = await scene.store.refusal(kept.id)
    assert again and again.admitted_as == "an-event"
    assert await scene.store.refusal(99) is None


async def test_a_sender_cannot_fill_the_disk(scene: Scene) -> None:
    for _ in range(4):
        await asyncio.gather(*(scene.store.refuse(refusal(scene, number)) for number in range(100)))
    counts = await scene.store.counts()
    assert counts["refused"] == 400
    assert counts["refused_kept"] == BOUNDS.sender_per_minute
    await scene.store.refuse(refusal(scene, sender="10.0.0.2"))
    assert (await scene.store.counts())["refused_kept"] == BOUNDS.sender_per_minute + 1
    await asyncio.gather(*(scene.store.refuse(refusal(scene, sender=f"10.0.1.{last}")) for last in range(500)))
    assert (await scene.store.counts())["refused_kept"] == BOUNDS.all_per_minute
    scene.later(61)
    await scene.store.refuse(refusal(scene))
    assert (await scene.store.counts())["refused_kept"] == BOUNDS.all_per_minute + 1


async def test_refusals_are_bounded_in_bytes_and_the_newest_stay(scene: Scene) -> None:
    large = b"x" * BOUNDS.body_bytes
    number = BOUNDS.total_bytes // BOUNDS.body_bytes + 5
    await asyncio.gather(*(scene.store.refuse(refusal(scene, body=large, sender=str(n))) for n in range(number)))
    kept = await scene.store.refusals(1000)
    assert 0 < len(kept) < number and kept[0].sender == str(number - 1)
    await scene.store.refuse(refusal(scene, body=large + b"x", sender="new"))
    newest = (await scene.store.refusals(1))[0]
    assert newest.body == b"" and "was not kept" in newest.reason


async def test_what_keep_no_longer_keeps_goes_as_a_whole(scene: Scene) -> None:
    gone = await scene.claimed(await scene.delivery())
    stays = await scene.delivery()
    await scene.accept(key="unrouted")
    await scene.finish(gone, delivered(), search={"imsi": "25001"}, replies=b"[]")
    scene.later(8 * DAY_S)
    assert await scene.store.forget(scene.now, 90 * DAY_S, 7 * DAY_S) == 0
    assert await scene.store.replies(gone.delivery_id) == []
    scene.later(90 * DAY_S)
    recent = await scene.delivery()
    assert await scene.store.forget(scene.now, 90 * DAY_S, 7 * DAY_S) == 2
    assert await scene.store.event(gone.event.id) is None
    assert await scene.store.attempts(gone.delivery_id) == []
    assert await scene.ids(find="25001") == []
    assert (await scene.accept(key="unrouted")).new, "its key went too"
    assert [await scene.state(one) for one in (stays, recent)] == ["waiting", "waiting"]
    assert (await scene.store.counts())["events"] == 5, "counts do not shrink"


async def test_a_configuration_is_kept_once(scene: Scene) -> None:
    await scene.store.snapshot("c1", {"nsps.yaml": "instance: a"}, scene.now)
    await scene.store.snapshot("c1", {"nsps.yaml": "another"}, scene.now)
    assert await scene.store.snapshot_of("c1") == {"nsps.yaml": "instance: a"}
    assert await scene.store.snapshot_of("c2") is None


async def test_a_pause_and_a_hold_of_one_connector_stand_side_by_side(scene: Scene) -> None:
    paused = Hold(scope="connector:pb", kind="paused", by="ann", reason="upgrade", at=scene.now)
    held = Hold(scope="connector:pb", kind="held", by="nsps", reason="login refused", at=scene.now, owner="settings 1")
    for hold in (paused, held, held):
        await scene.store.set_hold(hold)
    assert await scene.store.holds() == [held, paused]
