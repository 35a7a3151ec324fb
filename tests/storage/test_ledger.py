"""The ledger adds up, whatever happened; and where a row or a count is missing it says where."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from engine.management.audit import audit
from engine.storage.protocol import Refusal
from tests.storage.scene import Scene, delivered, event, failed, retry, routed


async def a_busy_day(scene: Scene) -> None:
    """Everything that can become of a request."""
    await asyncio.gather(*(scene.accept(routed(scene.now), routed(scene.now, pipeline="crm")) for _ in range(5)))
    unrouted = await scene.accept()
    await scene.accept(key="key 1")
    await scene.accept(routed(scene.now, failed="order.key"))
    older = await scene.delivery("lane", "latest", at=1)
    newer = await scene.delivery("lane", "latest", at=2)
    await scene.finish(await scene.claimed(newer), delivered())
    bad = await scene.claimed(await scene.delivery())
    await scene.finish(bad, failed())
    scene.later(3600)
    await scene.finish(
        await scene.claimed(await scene.store.replay(bad.delivery_id, routed(scene.now), scene.now, [], [])),
        delivered(),
    )
    await scene.finish(await scene.claimed(await scene.delivery()), retry(scene.now + timedelta(hours=1)))
    await scene.store.route_again(unrouted.event_id, [routed(scene.now)], scene.now)
    await scene.claimed(await scene.delivery())
    await refused_and_admitted(scene)
    assert await scene.state(older) == "superseded"


async def refused_and_admitted(scene: Scene) -> None:
    for number in range(3):
        refusal = Refusal(
            at=scene.now, source="espf", status=401, reason="r", sender=str(number), headers={}, body=b"{}"
        )
        await scene.store.refuse(refusal)
    taken_in = await scene.accept(routed(scene.now))
    await scene.store.admitted((await scene.store.refusals(1))[0].id, taken_in.event_id)


async def test_everything_is_accounted_for(scene: Scene) -> None:
    await a_busy_day(scene)
    found = await audit(scene.store)
    assert not found.gaps, found.lines()
    told = {entry.what: entry for entry in found.entries}
    # 6 of one pipeline or two, 1 unrouted, 1 repeat, 6 with one delivery each, 3 refused of which 1 was taken in
    assert told["requests"].left_number == told["requests"].right_number == 16
    assert told["events"].left_number == 13
    assert told["pipeline wtl"].left_number == 14
    assert told["pipeline crm"].left_number == 5
    assert "every request, event and delivery is accounted for" in found.lines()[-1]
    assert found.as_json()["gaps"] == 0


async def test_since_an_hour_rows_are_compared_with_what_was_counted_since(scene: Scene) -> None:
    await a_busy_day(scene)
    since = scene.now.replace(minute=30)
    found = await audit(scene.store, since)
    assert found.since == scene.now.replace(minute=0)
    assert not found.gaps, found.lines()
    stored = next(entry for entry in found.entries if entry.what == "events, events")
    assert stored.right_number == 3, "those of the second hour"


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        ("DELETE FROM deliveries WHERE state = 'running'", {"pipeline wtl", "pipeline wtl, routed"}),
        ("DELETE FROM history WHERE state = 'failed' AND reason = 'order.key'", {"pipeline wtl, failed", "pipeline wtl, routed"}),
        ("DELETE FROM events WHERE NOT routed", {"events, unrouted", "events, events"}),
        ("UPDATE counters SET count = count + 1 WHERE outcome = 'repeats'", {"requests"}),
    ],
)  # fmt: skip
async def test_a_gap_is_found_where_it_is(scene: Scene, damage: str, what: set[str]) -> None:
    await a_busy_day(scene)
    await scene.accept()
    await scene.store._write(lambda connection: connection.execute(text(damage)))
    found = await audit(scene.store)
    assert {entry.what for entry in found.gaps} == what
    assert "GAP" in "\n".join(found.lines()) and "do not add up" in found.lines()[-1]
    assert found.as_json()["gaps"] == len(what)


async def test_a_repeat_that_opens_a_failed_one_again_keeps_the_ledger(scene: Scene) -> None:
    envelope = event(scene.now, source="nsps")
    first = await scene.accept(routed(scene.now), of=envelope, key="e", policy_off=True, hinted=False)
    await scene.finish(await scene.claimed(first.delivery_ids[0]), failed())
    scene.later(7200)
    await scene.accept(routed(scene.now), of=envelope, key="e", policy_off=True, hinted=False)
    assert not (await audit(scene.store)).gaps
    assert not (await audit(scene.store, scene.now)).gaps
    await scene.finish(await scene.claimed(first.delivery_ids[0]), delivered())
    assert not (await audit(scene.store)).gaps
    counts = await scene.store.counts()
    assert counts["deliveries"] == {"wtl": {"delivered": 1}}
