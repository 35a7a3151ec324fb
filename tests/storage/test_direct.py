"""Prepared statements and Core's in one transaction, and what becomes of it when one of them fails."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, LargeBinary, Text, bindparam, column, func, insert, literal, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from engine.errors import StoreUnavailable
from engine.storage.direct import savepoint
from engine.storage.prepared import Prepared
from engine.storage.tables import snapshots
from tests.storage.conftest import Place
from tests.storage.scene import Scene

PUT = Prepared(insert(snapshots), ["config_hash", "at", "files"])
COUNT = select(func.count()).select_from(snapshots)
ASKED = Prepared(select(snapshots.c.config_hash).order_by(snapshots.c.config_hash))
ON_POSTGRESQL = pytest.mark.parametrize("place", ["postgresql"], indirect=True)


def put(connection: Connection, name: str) -> None:
    PUT.run(connection, {"config_hash": name, "at": 1, "files": b""})


async def stored(scene: Scene) -> list[str]:
    found = await scene.store._write(lambda connection: ASKED.rows(connection, {}))
    return [row.config_hash for row in found]


async def test_core_sees_what_was_just_sent_and_the_other_way_round(scene: Scene) -> None:
    def job(connection: Connection) -> tuple[Any, list[str]]:
        put(connection, "sent")
        seen = connection.execute(COUNT).scalar_one()
        connection.execute(insert(snapshots), {"config_hash": "core", "at": 1, "files": b""})
        return seen, [row.config_hash for row in ASKED.rows(connection, {})]

    assert await scene.store._write(job) == (1, ["core", "sent"])
    assert await stored(scene) == ["core", "sent"]


async def test_one_that_fails_undoes_the_transaction_though_nobody_asked_it(scene: Scene) -> None:
    def job(connection: Connection) -> None:
        for name in ("a", "b", "a", "c"):
            put(connection, name)

    with pytest.raises((IntegrityError, StoreUnavailable)):
        await scene.store._write(job)
    assert await stored(scene) == []


@ON_POSTGRESQL
async def test_an_error_that_somebody_swallowed_is_no_commit(place: Place, scene: Scene) -> None:
    def job(connection: Connection) -> None:
        put(connection, "a")
        put(connection, "a")
        with pytest.raises(IntegrityError):
            ASKED.rows(connection, {})

    with pytest.raises((DBAPIError, StoreUnavailable)):
        await scene.store._write(job)
    assert await stored(scene) == []


@ON_POSTGRESQL
async def test_an_error_of_core_that_somebody_swallowed_is_no_commit(place: Place, scene: Scene) -> None:
    """The server answers COMMIT with ROLLBACK then, which is no error to it."""

    def job(connection: Connection) -> None:
        put(connection, "a")
        with pytest.raises(DBAPIError):
            connection.execute(text("SELECT 1 / 0"))

    with pytest.raises(StoreUnavailable, match="nothing of it is stored"):
        await scene.store._write(job)
    assert await stored(scene) == []


async def test_a_savepoint_undoes_what_is_within_and_no_more(scene: Scene) -> None:
    def job(connection: Connection) -> None:
        put(connection, "before")
        with pytest.raises(IntegrityError), savepoint(connection):
            put(connection, "within")
            put(connection, "before")
            ASKED.rows(connection, {})
        put(connection, "after")
        with savepoint(connection):
            put(connection, "kept")

    await scene.store._write(job)
    assert await stored(scene) == ["after", "before", "kept"]


async def test_several_questions_are_answered_each_with_its_rows(scene: Scene) -> None:
    twice = Prepared(select(literal(1).label("one"), bindparam("name", type_=Text()).label("name")))

    def job(connection: Connection) -> list[str]:
        first, second = (twice.asked(connection, {"name": name}) for name in ("a", "b"))
        put(connection, "between")
        return [second()[0].name, first()[0].name]

    assert await scene.store._write(job) == ["b", "a"]
    assert await stored(scene) == ["between"]


@ON_POSTGRESQL
async def test_a_connection_that_is_cut_in_the_middle_is_made_anew_and_the_work_repeated(
    place: Place, scene: Scene
) -> None:
    cut: list[int] = []
    pid = Prepared(select(func.pg_backend_pid().label("pid")))

    def job(connection: Connection) -> None:
        put(connection, "whole")
        (row,) = pid.rows(connection, {})
        if not cut:
            cut.append(row.pid)
            with psycopg.connect(place.url, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s, 5000)", (row.pid,))
        pid.rows(connection, {})

    await scene.store._write(job)
    assert cut and await stored(scene) == ["whole"]


@ON_POSTGRESQL
async def test_a_commit_that_may_have_been_done_is_not_repeated(place: Place, scene: Scene) -> None:
    """Cut off where nobody knows: the caller is told, and repeats only what it knows to be safe."""
    jobs: list[int] = []

    def job(connection: Connection) -> None:
        jobs.append(1)
        if len(jobs) > 1:
            return
        driver: Any = connection.connection.driver_connection
        with psycopg.connect(place.url, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", (driver.info.backend_pid,))

    with pytest.raises((DBAPIError, StoreUnavailable)):
        await scene.store._write(job)
    assert jobs == [1]
    await asyncio.gather(*(scene.store._write(lambda one: one.execute(text("SELECT 1")).scalar()) for _ in range(6)))


async def test_names_are_those_of_the_statement(scene: Scene) -> None:
    found = await scene.store._write(
        lambda one: Prepared(select(column("x").label("who")).select_from(text("(SELECT 7 AS x) AS t"))).rows(one, {})
    )
    assert [row.who for row in found] == [7]


BIG = b"x" * 8_000_000
ECHO = Prepared(
    select(bindparam("bytes", type_=LargeBinary()).label("bytes"), bindparam("name", type_=Text()).label("n"))
)


@ON_POSTGRESQL
async def test_much_goes_both_ways_at_once(place: Place, scene: Scene) -> None:
    """More than sockets hold: neither side may wait for the other to read first."""

    def job(connection: Connection) -> list[int]:
        asked = [ECHO.asked(connection, {"bytes": BIG, "name": str(turn)}) for turn in range(5)]
        return [len(one()[0].bytes) for one in asked]

    assert await asyncio.wait_for(scene.store._write(job), 60) == [len(BIG)] * 5


@ON_POSTGRESQL
async def test_what_a_failed_transaction_sent_first_is_prepared_again(place: Place, scene: Scene) -> None:
    """The server forgets what it was to prepare after the error; the next to send it must not rely on it."""
    fails = Prepared(text("SELECT 1 / CAST(:by AS BIGINT) AS x"))
    after = Prepared(text("SELECT CAST(:n AS BIGINT) AS n"))

    def job(connection: Connection) -> None:
        fails.run(connection, {"by": 0})
        after.rows(connection, {"n": 7})

    for _ in range(2):
        with pytest.raises((DBAPIError, StoreUnavailable), match="division by zero"):
            await scene.store._write(job)
    for _ in range(3):
        assert [row.n for row in await scene.store._write(lambda one: after.rows(one, {"n": 7}))] == [7]
        assert [row.x for row in await scene.store._write(lambda one: fails.rows(one, {"by": 1}))] == [1]


@ON_POSTGRESQL
async def test_a_question_of_a_failed_transaction_has_no_answer(place: Place, scene: Scene) -> None:
    """An empty list would be taken for one."""

    def job(connection: Connection) -> None:
        put(connection, "a")
        put(connection, "a")
        asked = ASKED.asked(connection, {})
        with pytest.raises(IntegrityError):
            connection.execute(COUNT)
        asked()

    with pytest.raises((DBAPIError, StoreUnavailable), match="not executed"):
        await scene.store._write(job)


async def test_values_come_back_as_they_were_given(scene: Scene) -> None:
    given = {"config_hash": 'ä"\\{}\t\U0001f600', "at": -(2**63), "files": bytes(range(256))}

    def job(connection: Connection) -> list[Any]:
        PUT.run(connection, given)
        return [*Prepared(select(snapshots)).rows(connection, {})]

    assert [row._asdict() for row in await scene.store._write(job)] == [given]


async def test_a_value_that_no_text_may_hold_refuses_that_transaction_alone(scene: Scene) -> None:
    for name in ("\ud800", "nul \0") if scene.store._connections.dialect == "postgresql" else ("\ud800",):
        with pytest.raises((DBAPIError, StoreUnavailable, ValueError)):
            await scene.store._write(lambda one, name=name: put(one, name))
    await scene.store._write(lambda one: put(one, "whole"))
    assert await stored(scene) == ["whole"]
