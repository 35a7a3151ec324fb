"""Days go as a whole, what is still needed stays, and the ledger knows what went."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import Connection, text

from engine.management.audit import audit
from engine.storage.counting import totals
from engine.storage.partitions import ALL, EVENTS, existing
from tests.storage.conftest import NOON
from tests.storage.scene import Scene, delivered, event, failed, retry, routed

DAY_S = 86_400.0
KEEP = (90 * DAY_S, 7 * DAY_S)
on_a_server = pytest.mark.parametrize("place", ["postgresql"], indirect=True)


async def forget_all(scene: Scene) -> int:
    gone = 0
    while number := await scene.store.forget(scene.now, *KEEP):
        gone += number
    return gone


async def days(scene: Scene) -> list[str]:
    return [str(day) for day in await scene.store._read(lambda one: list(existing(one, EVENTS)))]


async def count(scene: Scene, table: str) -> int:
    query = text(f"SELECT count(*) FROM {table}")
    return await scene.store._read(lambda one: int(one.execute(query).scalar_one()))


async def tables(scene: Scene, like: str) -> int:
    query = text("SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename LIKE :like")
    return await scene.store._read(lambda one: int(one.execute(query, {"like": like}).scalar_one()))


@on_a_server
async def test_partitions_are_made_days_ahead(scene: Scene) -> None:
    assert await days(scene) == ["2026-11-23", "2026-11-24", "2026-11-25", "2026-11-26"]
    scene.later(2 * DAY_S)
    await scene.store.forget(scene.now, *KEEP)
    assert (await days(scene))[-1] == "2026-11-28"


@on_a_server
async def test_a_day_nobody_made_ahead_is_made_at_once(scene: Scene) -> None:
    scene.later(40 * DAY_S)
    await scene.accept(routed(scene.now))
    assert (await days(scene))[-1] == "2027-01-02"
    assert await count(scene, "events_20270102") == 1


@on_a_server
async def test_an_event_is_stored_when_its_day_cannot_be_made(scene: Scene) -> None:
    """Somebody holds the table: the event waits for nobody, and is found where it is."""
    number = await scene.delivery()
    scene.later(40 * DAY_S)
    loop, reading, done = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()

    def read(connection: Connection) -> None:
        connection.exec_driver_sql("LOCK TABLE events_rest IN ACCESS SHARE MODE")
        loop.call_soon_threadsafe(reading.set)
        asyncio.run_coroutine_threadsafe(done.wait(), loop).result(10)

    reader = asyncio.create_task(scene.store._read(read))
    await reading.wait()
    accepted = await scene.accept(routed(scene.now))
    done.set()
    await reader
    assert await count(scene, "events_rest") == 1
    assert (await scene.ids())[0] == accepted.event_id
    await scene.store.forget(scene.now, *KEEP)
    assert "2027-01-02" not in await days(scene), "its rows stay where they are"
    assert (await scene.accept(routed(scene.now))).new
    assert await scene.state(number) == "waiting"


@on_a_server
async def test_a_day_is_dropped_as_a_whole_and_what_is_needed_of_it_stays(scene: Scene) -> None:
    ended = await scene.claimed(await scene.delivery())
    await scene.finish(ended, delivered(), search={"imsi": "25001"}, replies=b"[]")
    waits = await scene.claimed((await scene.accept(routed(scene.now, "lane"), key="waits")).delivery_ids[0])
    await scene.finish(waits, retry(scene.now + timedelta(days=80)))
    late = await scene.claimed(await scene.delivery())
    await scene.finish(late, retry(scene.now + timedelta(days=30)))
    scene.later(30 * DAY_S)
    again = await scene.claimed(late.delivery_id)
    await scene.finish(again, failed())
    scene.later(62 * DAY_S)
    assert await forget_all(scene) == 1
    assert await scene.store.event(ended.event.id) is None
    assert await scene.ids(find="25001") == []
    assert "2026-11-23" not in await days(scene)
    assert await count(scene, "events_rest") == 2
    for kept in (waits, late):
        row = await scene.store.event(kept.event.id)
        assert row and len(row.deliveries) == 1
        assert await scene.ids(find=kept.event.i_event) == [kept.event.id]
    assert len(await scene.store.attempts(late.delivery_id)) == 2
    repeat = await scene.accept(routed(scene.now), of=waits.event, key="waits")
    assert not repeat.new, "one that still waits is known when it comes again"
    claimed = await scene.claimed(waits.delivery_id)
    assert claimed.event == waits.event
    await scene.finish(claimed, delivered())
    assert not (await audit(scene.store)).gaps


@on_a_server
async def test_what_was_kept_goes_with_its_time(scene: Scene) -> None:
    late = await scene.claimed(await scene.delivery())
    await scene.finish(late, retry(scene.now + timedelta(days=30)))
    scene.later(30 * DAY_S)
    await scene.finish(await scene.claimed(late.delivery_id), delivered())
    scene.later(62 * DAY_S)
    assert await forget_all(scene) == 0
    scene.later(30 * DAY_S)
    assert await forget_all(scene) == 1
    for table in ("events", "history", "attempts", "event_keys", "search_keys", "replies"):
        assert await count(scene, table) == 0, table
    assert not (await audit(scene.store)).gaps
    assert (await scene.store.counts())["events"] == 1


@on_a_server
async def test_partitions_of_replies_and_search_keys_go_too(scene: Scene) -> None:
    for _ in range(30):
        claimed = await scene.claimed(await scene.delivery())
        await scene.finish(claimed, delivered(), replies=b"[]")
        scene.later(5 * DAY_S)
        await scene.store.forget(scene.now, *KEEP)
    await forget_all(scene)
    assert await tables(scene, "replies_2%") <= 12
    assert await tables(scene, "search_keys_2%") <= 11
    assert await tables(scene, "events_2%") <= 95
    assert not (await audit(scene.store)).gaps


@on_a_server
async def test_a_key_whose_event_went_is_free_for_another(scene: Scene) -> None:
    await scene.accept(key="k", id_key="i", of=event(scene.now, 5))
    await scene.store._write(lambda one: one.exec_driver_sql("DELETE FROM events"))
    again = await scene.accept(key="k", id_key="i", of=event(scene.now, 5))
    assert again.new and again.same_id_as is None
    assert not (await scene.accept(key="k", id_key="i", of=event(scene.now, 5))).new


async def test_counters_of_past_weeks_are_added_up_and_say_the_same(scene: Scene) -> None:
    for _ in range(30):
        await scene.delivery()
        scene.later(3 * 3600)
    before = await scene.store._read(totals)
    rows = await count(scene, "counters")
    scene.later(20 * DAY_S)
    await scene.store.forget(scene.now, *KEEP)
    assert await scene.store._read(totals) == before
    assert await count(scene, "counters") < rows / 2
    assert not (await audit(scene.store, scene.now - timedelta(days=22))).gaps


def test_every_range_begins_where_the_one_before_ends() -> None:
    for kind in ALL:
        day = kind.start(NOON.date())
        for _ in range(800):
            low, high = kind.range(day)
            assert kind.day(kind.name(day)) == day
            day += timedelta(days=kind.days)
            assert low < high == kind.range(day)[0]
