"""Full disks, locks, kills and races: what was answered stays, what was not is as if never asked."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import sys
from pathlib import Path

import pytest
from sqlalchemy import Connection, update
from sqlalchemy.exc import IntegrityError

from engine.clock import VirtualClock
from engine.errors import StoreUnavailable
from engine.storage import sqlite as sqlite_store
from engine.storage.protocol import Accepted
from engine.storage.store import Store
from engine.storage.tables import deliveries
from tests.storage.conftest import Place
from tests.storage.scene import Scene, delivered, event, routed

CHILD = Path(__file__).with_name("child.py")


def pages(limit: int | None) -> object:
    """Sets how large the file may grow, from now on: so many pages more than it has, None for as many as it likes."""

    def job(connection: Connection) -> None:
        used = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={1_000_000 if limit is None else used + limit}")

    return job


on_a_file = pytest.mark.parametrize("place", ["sqlite"], indirect=True)


@on_a_file
async def test_a_full_disk_is_unavailable_and_cured_by_space(scene: Scene) -> None:
    first = await scene.accept(routed(scene.now))
    await scene.store._write(pages(0))  # type: ignore[arg-type]
    large = event(scene.now, 99, body=b"x" * 1_000_000)
    results = await asyncio.gather(
        *(scene.accept(routed(scene.now), of=large, key="large") for _ in range(3)), return_exceptions=True
    )
    assert [type(one) for one in results] == [StoreUnavailable] * 3
    assert "full" in str(results[0]) and "Free space" in str(results[0])
    await scene.store.ready()
    assert await scene.ids() == [first.event_id], "nothing of it is stored"
    await scene.store._write(pages(None))  # type: ignore[arg-type]
    assert (await scene.accept(routed(scene.now), of=large, key="large")).new


@on_a_file
async def test_small_ones_are_stored_beside_one_that_does_not_fit(scene: Scene) -> None:
    await scene.accept(routed(scene.now))
    await scene.store._write(pages(20))  # type: ignore[arg-type]
    large = event(scene.now, 99, body=b"x" * 1_000_000)
    results = await asyncio.gather(
        scene.accept(), scene.accept(of=large, key="large"), scene.accept(), return_exceptions=True
    )
    assert [type(one) for one in results] == [Accepted, StoreUnavailable, Accepted]


@on_a_file
async def test_a_locked_file_is_unavailable_until_it_is_not(tmp_path: Path, scene: Scene, store: Store) -> None:
    await store._write(lambda connection: connection.exec_driver_sql("PRAGMA busy_timeout=1"))
    with sqlite3.connect(tmp_path / "var/nsps.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        results = await asyncio.gather(*(scene.accept() for _ in range(20)), return_exceptions=True)
        assert {type(one) for one in results} == {StoreUnavailable}
        assert "locked" in str(results[0])
        assert await scene.ids() == [], "reading goes on"
        other.execute("ROLLBACK")
    other.close()
    assert (await scene.accept()).new


async def test_a_closed_store_says_so(tmp_path: Path, clock: VirtualClock) -> None:
    store = await Store.open("sqlite:///nsps.db", project=tmp_path, clock=clock)
    scene = Scene(store, clock)
    pending = [asyncio.create_task(scene.accept()) for _ in range(5)]
    await asyncio.sleep(0)
    await store.close()
    assert all(one.new for one in await asyncio.gather(*pending)), "what was asked before is committed"
    with pytest.raises(StoreUnavailable, match="closed"):
        await scene.accept()
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.ready()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["nsps.db"]


async def test_a_caller_that_gave_up_disturbs_nobody(scene: Scene) -> None:
    gone = asyncio.create_task(scene.accept())
    stays = asyncio.create_task(scene.accept())
    await asyncio.sleep(0)
    gone.cancel()
    assert (await stays).new
    assert len(await scene.ids()) == 2, "its event was on its way already; a repeat is recognised"


async def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path: Path, clock: VirtualClock) -> None:
    (tmp_path / "var").write_text("a file")
    with pytest.raises(StoreUnavailable, match="cannot make the folder"):
        await Store.open("sqlite:///var/nsps.db", project=tmp_path, clock=clock)


async def test_the_index_refuses_a_second_running_one_in_a_lane(scene: Scene) -> None:
    """The race NOT EXISTS alone loses on PostgreSQL: two claims, each of which sees the other's lane free."""
    one, two = await scene.delivery("a"), await scene.delivery("a", at=1)
    await scene.claimed(one)
    bypassing = update(deliveries).where(deliveries.c.id == two).values(state="running")
    with pytest.raises(StoreUnavailable) as refused:
        await scene.store._write(lambda connection: connection.execute(bypassing))
    assert isinstance(refused.value.__cause__, IntegrityError)
    assert await scene.state(two) == "waiting"


async def test_two_processes_share_a_store(place: Place, scene: Scene, clock: VirtualClock) -> None:
    other = Scene(await place.open(clock), clock, "two")
    ids = [await scene.delivery(f"lane {number % 10}", at=number) for number in range(40)]
    ended: list[int] = []

    async def work(one: Scene) -> None:
        while await one.ids(state="waiting"):
            for claimed in await one.claim(*ids):
                ended.append(claimed.delivery_id)
                await one.finish(claimed, delivered())

    await asyncio.gather(work(scene), work(other))
    assert sorted(ended) == ids
    for lane in range(10):
        assert [one for one in ended if one in ids[lane::10]] == ids[lane::10]
    await other.store.close()


async def answered_before_the_kill(project: Path, count: int) -> list[str]:
    child = await asyncio.create_subprocess_exec(
        sys.executable, str(CHILD), str(project), stdout=asyncio.subprocess.PIPE, cwd=CHILD.parents[2]
    )
    assert child.stdout
    lines = [(await child.stdout.readline()).decode().strip() for _ in range(count)]
    child.send_signal(signal.SIGKILL)
    lines += (await child.stdout.read()).decode().split()
    await child.wait()
    return [line for line in lines if len(line) == 36]


async def test_whatever_was_answered_before_a_kill_is_there_after_it(tmp_path: Path, clock: VirtualClock) -> None:
    answered = await answered_before_the_kill(tmp_path, 150)
    assert len(answered) >= 150
    store = await Store.open("sqlite:///nsps.db", project=tmp_path, clock=clock)
    for event_id in answered[-200:]:
        row = await store.event(event_id)
        assert row and len(row.deliveries) == 1
    assert (await store.counts())["events"] >= len(answered)
    await store.close()


def test_a_store_waits_for_a_lock_before_it_gives_up() -> None:
    assert sqlite_store.BUSY_TIMEOUT_MS == 5000
