"""The schema: what the migrations make is what the code works with, on SQLite and on PostgreSQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Executable, create_engine
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql import ClauseElement

from engine.clock import VirtualClock
from engine.errors import SchemaMismatch, StoreUnavailable, WrongUse
from engine.storage import (
    claiming,
    counting,
    delivery_rows,
    finishing,
    intake,
    keys,
    moving,
    progress,
    rows,
    standing,
    sweeping,
)
from engine.storage.prepared import Prepared
from engine.storage.schema import HEAD, create
from engine.storage.store import Store, migrate
from engine.storage.tables import metadata

URL = "sqlite:///var/nsps.db"


def statements() -> Iterator[Any]:
    """Every statement the modules keep, as they keep it."""
    for module in (
        claiming,
        counting,
        delivery_rows,
        finishing,
        intake,
        keys,
        moving,
        progress,
        rows,
        standing,
        sweeping,
    ):
        for name, value in vars(module).items():
            for one in value.values() if isinstance(value, dict) and name.isupper() else [value]:
                if isinstance(one, Prepared):
                    yield pytest.param(one.statement, id=f"{module.__name__}.{name}")
                elif isinstance(one, Executable) and isinstance(one, ClauseElement) and name.isupper():
                    yield pytest.param(one, id=f"{module.__name__}.{name}")


@pytest.mark.parametrize("statement", list(statements()))
@pytest.mark.parametrize("dialect", [postgresql.asyncpg.dialect(), postgresql.psycopg.dialect(), sqlite.dialect()])
def test_every_statement_is_plain_enough_for_both_servers(statement: ClauseElement, dialect: Any) -> None:
    if type(statement).__module__.startswith("sqlalchemy.dialects"):
        dialect = postgresql.asyncpg.dialect() if "postgresql" in type(statement).__module__ else sqlite.dialect()
    text = str(statement.compile(dialect=dialect))
    if "postgresql" in dialect.name:
        assert "json_each" not in text


def test_the_tables_can_be_made_on_postgresql() -> None:
    from sqlalchemy.schema import CreateIndex, CreateTable

    texts = [str(CreateTable(table).compile(dialect=postgresql.dialect())) for table in metadata.sorted_tables]
    indexes = [index for table in metadata.sorted_tables for index in table.indexes]
    texts += [str(CreateIndex(index).compile(dialect=postgresql.dialect())) for index in indexes]
    assert any("BIGSERIAL" in text for text in texts)
    assert any("WHERE state = 'running'" in text for text in texts)


async def test_the_migrations_make_exactly_the_tables_of_the_code(tmp_path: Path, clock: VirtualClock) -> None:
    await (await Store.open(URL, project=tmp_path, clock=clock)).close()
    with create_engine(f"sqlite:///{tmp_path}/var/nsps.db").connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        migrated = made(connection)
    with create_engine("sqlite://").connect() as connection:
        create(connection)
        assert migrated == made(connection)


def made(connection: Connection) -> dict[str, str]:
    """What stands in the schema, without white space and quotes, in which the two ways differ."""
    found = connection.exec_driver_sql(
        "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'alembic%' AND sql > ''"
    )
    return {name: "".join(sql.split()).replace('"', "").lower() for name, sql in found}


async def test_a_store_is_opened_again_as_it_was(tmp_path: Path, clock: VirtualClock) -> None:
    for _ in range(2):
        store = await Store.open(URL, project=tmp_path, clock=clock)
        await store.ready()
        await store.close()


async def test_the_file_is_safe_against_power_cuts(tmp_path: Path, clock: VirtualClock) -> None:
    store = await Store.open(URL, project=tmp_path, clock=clock)
    told = await store._write(
        lambda connection: [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")
        ]
    )
    assert told == ["wal", 2]
    await store.close()


@pytest.mark.parametrize(("version", "says"), [("0000", "nsps migrate"), ("9999", "a newer NSPS")])
async def test_another_schema_is_refused(tmp_path: Path, clock: VirtualClock, version: str, says: str) -> None:
    await (await Store.open(URL, project=tmp_path, clock=clock)).close()
    set_version(tmp_path, version)
    with pytest.raises(SchemaMismatch, match=says):
        await Store.open(URL, project=tmp_path, clock=clock)


def set_version(project: Path, version: str) -> None:
    with sqlite3.connect(project / "var/nsps.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (version,))
    connection.close()


async def test_migrating_what_is_up_to_date_changes_nothing(tmp_path: Path, clock: VirtualClock) -> None:
    assert await migrate(URL, project=tmp_path) == HEAD
    assert await migrate(URL, project=tmp_path) == HEAD
    await (await Store.open(URL, project=tmp_path, clock=clock)).close()


async def test_migrating_what_a_newer_one_wrote_says_so_and_changes_nothing(
    tmp_path: Path, clock: VirtualClock
) -> None:
    await (await Store.open(URL, project=tmp_path, clock=clock)).close()
    set_version(tmp_path, "9999")
    with pytest.raises(SchemaMismatch, match=r"9999.*a newer NSPS wrote it; install that one"):
        await migrate(URL, project=tmp_path)


async def test_migrating_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("CREATE TABLE subscribers (imsi TEXT)")
    connection.close()
    with pytest.raises(SchemaMismatch, match=r"something else \(subscribers\)"):
        await migrate("sqlite:///other.db", project=tmp_path)
    with sqlite3.connect(tmp_path / "other.db") as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("subscribers",)]
    connection.close()


async def test_a_file_of_something_else_is_not_touched(tmp_path: Path, clock: VirtualClock) -> None:
    file = tmp_path / "other.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE songs (name TEXT)")
    connection.close()
    with pytest.raises(SchemaMismatch, match="songs"):
        await Store.open("sqlite:///other.db", project=tmp_path, clock=clock)


async def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path, clock: VirtualClock) -> None:
    (tmp_path / "nsps.db").write_text("hello " * 1000)
    with pytest.raises(StoreUnavailable, match="not a database"):
        await Store.open("sqlite:///nsps.db", project=tmp_path, clock=clock)


@pytest.mark.parametrize("url", ["mysql://x", "var/nsps.db", "sqlite:/x"])
async def test_an_address_that_is_no_store_says_what_to_write(url: str, tmp_path: Path, clock: VirtualClock) -> None:
    with pytest.raises(WrongUse, match=r"sqlite:///var/nsps\.db"):
        await Store.open(url, project=tmp_path, clock=clock)


async def test_an_absolute_path_is_taken_as_it_is(tmp_path: Path, clock: VirtualClock) -> None:
    store = await Store.open(f"sqlite:///{tmp_path}/a/b.db", project=Path("/nowhere"), clock=clock)
    await store.close()
    assert (tmp_path / "a/b.db").exists()
