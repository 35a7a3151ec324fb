"""What only a server can do: races of transactions, restarts, kills, several instances, many processes that start at once."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Connection, select, text, update
from sqlalchemy.exc import DBAPIError

from engine.clock import SystemClock, VirtualClock
from engine.errors import SchemaMismatch, StoreUnavailable, WrongUse
from engine.storage import claiming, schema
from engine.storage.claiming import Wanted, claim_group
from engine.storage.postgresql import READERS, WRITERS, ServerConnections, schema_of
from engine.storage.protocol import Arrival
from engine.storage.store import Store, migrate
from engine.storage.tables import deliveries, metadata
from tests.postgres import Server, new_instance, running
from tests.storage.conftest import NOON, Place
from tests.storage.pg_child import SkewedClock
from tests.storage.scene import PIPELINES, Scene, delivered, event, failed, routed

CHILD = Path(__file__).with_name("pg_child.py")
pytestmark = pytest.mark.parametrize("place", ["postgresql"], indirect=True)


async def other(place: Place, clock: VirtualClock, owner: str = "two") -> Scene:
    """A second process on the same store."""
    scene = Scene(await place.open(clock), clock, owner)
    scene.count = 1_000_000  # its events are others
    return scene


def claim_in(connection: Connection, scene: Scene, *ids: int) -> list[int]:
    found = claim_group(connection, [Wanted(ids, scene.owner, PIPELINES, scene.now)])[0]
    assert isinstance(found, list)
    return [one.delivery_id for one in found]


# --- races ------------------------------------------------------------------------------------------------------------


async def test_of_two_interleaved_claims_of_one_lane_one_is_refused_by_the_index(
    place: Place, scene: Scene, clock: VirtualClock
) -> None:
    """The staged race: A claims e2 and has not committed; an older e1 arrives; B sees no one running and claims e1."""
    two = await scene.delivery("a", at=2)
    rival = await other(place, clock)
    claimed, seen = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def slowly(connection: Connection) -> list[int]:
        ids = claim_in(connection, scene, two)
        loop.call_soon_threadsafe(claimed.set)
        asyncio.run_coroutine_threadsafe(seen.wait(), loop).result(10)
        return ids

    first = asyncio.create_task(scene.store._write(slowly))
    await claimed.wait()
    one = await rival.delivery("a", at=1)
    second = asyncio.create_task(rival.claim(one))
    await until_somebody_waits_for_a_lock(scene.store)
    seen.set()
    assert await first == [two]
    assert await second == [], "the partial unique index refused it"
    assert [await scene.state(one), await scene.state(two)] == ["waiting", "running"]
    await rival.store.close()


async def until_somebody_waits_for_a_lock(store: Store) -> None:
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    async with asyncio.timeout(10):
        while not await store._read(lambda connection: connection.execute(waiting).scalar_one()):
            await asyncio.sleep(0.01)


async def test_rows_that_another_process_is_at_are_left_to_it(place: Place, scene: Scene, clock: VirtualClock) -> None:
    one, two = await scene.delivery("a"), await scene.delivery("b")
    rival = await other(place, clock)
    held, seen = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def hold(connection: Connection) -> None:
        connection.execute(select(deliveries.c.id).where(deliveries.c.id == one).with_for_update())
        loop.call_soon_threadsafe(held.set)
        asyncio.run_coroutine_threadsafe(seen.wait(), loop).result(10)

    holding = asyncio.create_task(scene.store._write(hold))
    await held.wait()
    assert [claimed.delivery_id for claimed in await rival.claim(one, two)] == [two]
    looks = await rival.store.look(rival.now + timedelta(seconds=6), 10)
    assert one not in [look.delivery_id for look in looks], "nor is it looked at by two sweeps"
    seen.set()
    await holding
    await rival.store.close()


async def test_two_copies_at_two_receivers_are_one_event(place: Place, clock: VirtualClock, scene: Scene) -> None:
    rival = await other(place, clock)
    for number in range(20):
        copies = [event(scene.now, number) for _ in range(10)]
        answers = await asyncio.gather(
            *(
                one.store.accept(Arrival(event=copy, routed=[routed(scene.now)], key=f"copy {number}"))
                for copy, one in zip(copies, (scene, rival) * 5, strict=True)
            )
        )
        assert sum(answer.new for answer in answers) == 1
        assert len({answer.event_id for answer in answers}) == 1
    counts = await scene.store.counts()
    assert (counts["events"], counts["repeats"]) == (20, 180)
    await rival.store.close()


async def test_a_replay_and_a_senders_repeat_at_once_send_once(place: Place, scene: Scene, clock: VirtualClock) -> None:
    rival = await other(place, clock)
    for number in range(30):
        arrival = Arrival(
            event=event(scene.now, number), routed=[routed(scene.now)], key=f"processed {number}", policy_off=True
        )
        (one,) = (await scene.store.accept(arrival)).delivery_ids
        await scene.finish((await scene.claim(one, alone=True))[0], failed())
        repeat = replace(arrival, event=event(scene.now, number))
        await asyncio.gather(
            scene.store.accept(repeat),
            rival.store.replay(one, routed(scene.now), scene.now, [], [], True),
            return_exceptions=True,
        )
        found = await scene.store.event(f"#{one}")
        assert found and [row.state for row in found.deliveries].count("waiting") == 1, number
    await rival.store.close()


async def test_a_deadlock_is_repeated_and_nobody_learns_of_it(place: Place, scene: Scene, clock: VirtualClock) -> None:
    one, two = await scene.delivery(), await scene.delivery()
    rival = await other(place, clock)
    barrier = asyncio.Barrier(2)
    loop = asyncio.get_running_loop()
    tries: list[int] = []

    def crossing(first: int, second: int) -> object:
        def job(connection: Connection) -> None:
            tries.append(first)
            for number in (first, second):
                touched = update(deliveries).where(deliveries.c.id == number)
                connection.execute(touched.values(crashes=deliveries.c.crashes + 1))
                if len(tries) <= 2 and number == first:
                    asyncio.run_coroutine_threadsafe(barrier.wait(), loop).result(10)

        return job

    await asyncio.gather(
        scene.store._write(crossing(one, two)),  # type: ignore[arg-type]
        rival.store._write(crossing(two, one)),  # type: ignore[arg-type]
    )
    assert len(tries) >= 3
    crashes = select(deliveries.c.crashes)
    assert await scene.store._read(lambda connection: list(connection.execute(crashes).scalars())) == [2, 2]
    await rival.store.close()


async def test_two_sweeps_share_a_backlog_and_give_each_look_once(
    place: Place, scene: Scene, clock: VirtualClock
) -> None:
    ids = [one for _ in range(300) for one in (await scene.accept(routed(scene.now), hinted=False)).delivery_ids]
    rival = await other(place, clock)
    found = await asyncio.gather(*(one.store.look(scene.now, 100) for one in (scene, rival) * 3))
    looked = [look.delivery_id for looks in found for look in looks]
    assert len(looked) == len(set(looked))
    assert set(looked) <= set(ids)
    await rival.store.close()


async def test_ten_thousand_blocked_lanes_do_not_starve_a_new_one_for_two_sweeps(
    place: Place, scene: Scene, clock: VirtualClock
) -> None:
    def fill(connection: Connection) -> None:
        columns = "event_seq, source, pipeline, mode, pos_event, reason, created_at, attempts, fence, seed, policy_off"
        rest = "look_step, crashes, suspect"
        connection.execute(
            text(
                f"INSERT INTO deliveries (id, {columns}, lane, pos_time, state, due_at, look_at, {rest})"
                f" SELECT n, 1, 'espf', 'wtl', 'strict', 0, '', 0, 0, 0, 's', false, 'lane ' || n % 10000, n / 10000,"
                " CASE WHEN n < 10000 THEN 'running' ELSE 'waiting' END, 0, 0, 5000000, 0, false"
                " FROM generate_series(0, 29999) n"
            )
        )
        connection.execute(text("UPDATE deliveries SET owner = 'one', look_at = 9e15 WHERE state = 'running'"))

    await scene.store._write(fill)
    await scene.beat()
    rival = await other(place, clock)
    (new,) = (await scene.accept(routed(scene.now, "new"), hinted=False)).delivery_ids
    found = await asyncio.gather(scene.store.look(scene.now, 50), rival.store.look(scene.now, 50))
    assert [look.delivery_id for looks in found for look in looks] == [new]
    await rival.store.close()


# --- instances and schemas --------------------------------------------------------------------------------------------


async def test_two_instances_on_one_server_never_meet(place: Place, scene: Scene, clock: VirtualClock) -> None:
    name = f"{place.instance}-b"
    neighbour = Scene(await Store.open(place.url, project=place.project, clock=clock, instance=name), clock)
    mine = await scene.accept(routed(scene.now, "a"), key="one key")
    theirs = await neighbour.accept(routed(scene.now, "a"), key="one key")
    assert mine.new and theirs.new
    assert len(await neighbour.claim(*theirs.delivery_ids)) == 1
    assert len(await scene.claim(*mine.delivery_ids)) == 1, "their lane is not ours"
    assert await scene.ids() == [mine.event_id]
    await neighbour.store.close()


def test_names_of_instances_that_are_alike_or_long_stay_apart(place: Place) -> None:
    names = ["a-b", "a_b", "a" * 60 + "x", "a" * 60 + "y"]
    schemas = {schema_of(name) for name in names}
    assert len(schemas) == len(names) and max(map(len, schemas)) <= 63


async def test_four_processes_that_start_at_once_make_one_schema(place: Place) -> None:
    children = [await child(place, "open") for _ in range(4)]
    told = [await one.communicate() for one in children]
    assert [one.returncode for one in children] == [0] * 4, told
    assert await migrate(place.url, project=place.project, instance=place.instance) == "0001"


async def test_the_migrations_make_exactly_the_tables_of_the_code(place: Place, store: Store, postgres: Server) -> None:
    migrated = await store._read(made)
    postgres.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema_of(place.instance + "-code"))))
    code = ServerConnections(place.url, place.instance + "-code")
    await code.write(metadata.create_all)
    assert await code.read(made) == {name: told for name, told in migrated.items() if "alembic" not in name}
    await code.close()
    postgres.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema_of(place.instance + "-code"))))


def made(connection: Connection) -> dict[str, object]:
    """Columns, indexes, partition keys and settings of the tables, not of their partitions."""
    columns = """SELECT c.relname || '.' || a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attcollation,
        pg_get_expr(d.adbin, d.adrelid) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE a.attnum > 0 AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = :here"""
    indexes = """SELECT i.relname, regexp_replace(pg_get_indexdef(i.oid), ' ON (ONLY )?[^ ]+ ', ' ') FROM pg_class i
        WHERE i.relkind IN ('i', 'I') AND NOT i.relispartition AND i.relnamespace = :here AND NOT EXISTS
            (SELECT 1 FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid WHERE x.indexrelid = i.oid AND t.relispartition)"""
    keys = """SELECT relname, pg_get_partkeydef(oid), reloptions FROM pg_class
        WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = :here"""
    found: dict[str, object] = {}
    here = connection.execute(text("SELECT CAST(quote_ident(current_schema()) AS regnamespace)::oid")).scalar_one()
    for query in (columns, indexes, keys):
        for name, *told in connection.execute(text(query), {"here": here}):
            found[name] = told
    return found


async def child(place: Place, what: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, str(CHILD), place.url, place.instance, what,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=CHILD.parents[2],
    )  # fmt: skip


@pytest.mark.parametrize(("version", "says"), [("0000", "nsps migrate"), ("9999", "a newer NSPS")])
async def test_another_schema_is_refused(
    place: Place, clock: VirtualClock, postgres: Server, version: str, says: str
) -> None:
    await (await place.open(clock)).close()
    changed = sql.SQL("UPDATE {}.alembic_version SET version_num = {}")
    postgres.execute(changed.format(sql.Identifier(schema_of(place.instance)), version))
    with pytest.raises(SchemaMismatch, match=says):
        await place.open(clock)


async def test_a_user_that_may_not_make_the_schema_is_told_who_must(place: Place, postgres: Server) -> None:
    role = f"poor_{os.getpid()}"
    postgres.execute(f"CREATE ROLE {role} LOGIN")
    try:
        with pytest.raises(SchemaMismatch, match=r'CREATE SCHEMA "nsps_test-.*" AUTHORIZATION'):
            await Store.open(
                place.url.replace("nsps@", f"{role}@"),
                project=place.project,
                clock=SystemClock(),
                instance=place.instance,
            )
    finally:
        postgres.execute(f"DROP ROLE {role}")


@pytest.mark.parametrize("url", ["postgresql://[h/x", "postgresql://h/x?nothing=1"])
async def test_an_address_libpq_does_not_know_says_so(place: Place, url: str) -> None:
    with pytest.raises(WrongUse, match="no address of a PostgreSQL"):
        await Store.open(url, project=place.project, clock=SystemClock())


# --- time -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong_s", [-600.0, 600.0])
async def test_due_times_are_the_servers_whatever_a_machines_clock_says(place: Place, wrong_s: float) -> None:
    """Of two processes 10 minutes apart, what one stores is due for the other at once."""
    wrong, right = SkewedClock(wrong_s), SystemClock()
    one = Scene(await place.open(wrong), wrong)  # type: ignore[arg-type]
    two = Scene(await place.open(right), right, "two")  # type: ignore[arg-type]
    number = await one.delivery()
    assert abs((wrong.now() - right.now()).total_seconds()) < 1
    assert [claimed.delivery_id for claimed in await two.claim(number)] == [number]
    told = await one.beat()
    assert abs((told - datetime.now(UTC)).total_seconds()) < 5
    assert abs((await two.store.owners())[0][1] - told) < timedelta(seconds=1)
    await one.store.close()
    await two.store.close()


# --- outages ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fragile() -> Iterator[Server]:
    """A server of our own to stop and kill, durable as operators run it."""
    with running(durable=True) as server:
        yield server


async def test_a_stopped_server_is_unavailable_and_reached_again_by_itself(
    fragile: Server, tmp_path: Path, place: Place
) -> None:
    clock = VirtualClock(NOON)
    scene = Scene(await Store.open(fragile.url, project=tmp_path, clock=clock, instance=new_instance()), clock)
    before = await scene.accept(routed(scene.now))
    await asyncio.to_thread(fragile.stop)
    answers = await asyncio.gather(*(scene.accept() for _ in range(20)), return_exceptions=True)
    assert {type(one) for one in answers} == {StoreUnavailable}
    assert "no process of NSPS needs a restart" in str(answers[0])
    with pytest.raises(StoreUnavailable):
        await scene.store.ready()
    await asyncio.to_thread(fragile.start)
    assert (await scene.accept(routed(scene.now))).new, "its connections were cut; the first call makes new ones"
    assert len(await scene.claim(*before.delivery_ids)) == 1
    await scene.store.close()


async def test_a_connection_cut_before_the_commit_is_not_even_noticed(place: Place, scene: Scene) -> None:
    await scene.accept()
    with psycopg.connect(place.url, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'nsps'")
    assert (await scene.accept()).new
    await scene.store.ready()


async def test_none_of_its_connections_outlives_a_store(place: Place, store: Store) -> None:
    """Also those of threads that were idle while another met the end of its own."""
    connections = ServerConnections(f"{place.url}&application_name=leaving", place.instance)
    together = threading.Barrier(WRITERS)
    pids = await asyncio.gather(
        *(connections.write(lambda one: (together.wait(10), pid(one))[1]) for _ in range(WRITERS))
    )
    assert len({*pids}) == WRITERS
    with pytest.raises(DBAPIError, match="terminating connection"):
        await connections.write(lambda one: one.execute(text("SELECT pg_terminate_backend(pg_backend_pid())")))
    await connections.close()
    left = text("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'leaving'")
    async with asyncio.timeout(10):
        while await store._read(lambda one: one.execute(left).scalar_one()):
            await asyncio.sleep(0.01)


def pid(connection: Connection) -> int:
    return int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())


async def test_a_job_that_failed_costs_no_new_connection(place: Place) -> None:
    """Nor what was prepared on it: whether a repeat was sent at once is told by an error, all day."""
    connections = ServerConnections(place.url, place.instance)
    found: set[int] = set()

    def fails(connection: Connection) -> None:
        found.add(pid(connection))
        connection.execute(text("SELECT 1 / 0"))

    for _ in range(20):
        with pytest.raises(StoreUnavailable, match="division by zero"):
            await connections.read(fails)
    assert len(found) <= READERS
    assert await connections.read(pid) in found
    await connections.close()


async def test_whatever_was_answered_before_the_servers_kill_is_there_after_it(
    fragile: Server, tmp_path: Path, place: Place
) -> None:
    where = Place(fragile.url, tmp_path, new_instance())
    sender = await child(where, "accept")
    assert sender.stdout
    answered = []
    for _ in range(3):
        answered += [(await sender.stdout.readline()).decode().strip() for _ in range(60)]
        await asyncio.to_thread(fragile.kill)
        await asyncio.to_thread(fragile.start)
    answered += [(await sender.stdout.readline()).decode().strip() for _ in range(20)]
    sender.kill()
    answered += (await sender.stdout.read()).decode().split()
    await sender.wait()
    store = await Store.open(where.url, project=tmp_path, clock=SystemClock(), instance=where.instance)
    stored = await store._read(lambda connection: set(connection.execute(text("SELECT id FROM events")).scalars()))
    lost = {one for one in answered if len(one) == 36} - stored
    assert len(answered) >= 200 and not lost
    await store.close()


async def test_a_statement_that_takes_too_long_is_unavailable_for_all_of_its_group(scene: Scene, place: Place) -> None:
    def slow(connection: Connection) -> None:
        connection.exec_driver_sql("SET LOCAL statement_timeout = '10ms'")
        connection.exec_driver_sql("SELECT pg_sleep(5)")

    with pytest.raises(StoreUnavailable, match="statement timeout"):
        await scene.store._write(slow)


async def test_deliveries_are_finished_by_several_processes_in_the_order_of_their_lanes(
    place: Place, scene: Scene, clock: VirtualClock
) -> None:
    workers = [scene, *[await other(place, clock, f"worker {number}") for number in range(3)]]
    ids = [await scene.delivery(f"lane {number % 7}", at=number) for number in range(140)]
    ended: list[int] = []

    async def work(one: Scene) -> None:
        while len(ended) < len(ids):
            for claimed in await one.claim(*ids):
                ended.append(claimed.delivery_id)
                await one.finish(claimed, delivered())
            await asyncio.sleep(0)

    async with asyncio.timeout(60):
        await asyncio.gather(*(work(one) for one in workers))
    assert sorted(ended) == ids
    for lane in range(7):
        assert [one for one in ended if one in ids[lane::7]] == ids[lane::7]
    for one in workers[1:]:
        await one.store.close()


def test_every_hot_statement_says_its_list_once(place: Place) -> None:
    """A sub-select would be joined by statistics of another moment; an array is looked up along the index."""
    from sqlalchemy.dialects import postgresql

    told = str(claiming.CLAIM["postgresql"].statement.compile(dialect=postgresql.dialect()))
    assert "ANY(ARRAY(SELECT" in told and "SKIP LOCKED" in told


async def test_a_process_that_starts_waits_for_one_that_changes_the_schema(place: Place) -> None:
    store = await place.open(SystemClock())
    try:
        told = await store._write(limits_while_preparing)
        assert told == ("1min", "0"), (
            "the limits of every day would end a long migration, and the starts that wait for it"
        )
        assert await store._write(limits) == ("5s", "30s"), "only there"
    finally:
        await store.close()


def limits_while_preparing(connection: Connection) -> tuple[str, str]:
    schema.check(connection, "", SystemClock().now())
    return limits(connection)


def limits(connection: Connection) -> tuple[str, str]:
    asked = ("lock_timeout", "statement_timeout")
    lock, statement = (connection.exec_driver_sql(f"SHOW {name}").scalar_one() for name in asked)
    return lock, statement
