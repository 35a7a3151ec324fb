"""A store in a file, a clock that stands still, and short ways to say what the tests need."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy import event as hooks
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import DDLElement
from sqlalchemy.sql import ClauseElement

from engine.clock import Clock, VirtualClock
from engine.storage.postgresql import schema_of
from engine.storage.store import Store
from tests.postgres import Server, new_instance, postgres
from tests.storage.scene import Scene

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(NOON)


__all__ = ["postgres"]  # a fixture
SQLITE = "sqlite:///var/nsps.db"


@dataclass(frozen=True)
class Place:
    """Where a test's store is: what every process of it is told."""

    url: str
    project: Path
    instance: str

    async def open(self, clock: Clock) -> Store:
        return await Store.open(self.url, project=self.project, clock=clock, instance=self.instance)


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A store of each kind: what is promised of one holds for both."""
    if request.param == "sqlite":
        yield Place(SQLITE, tmp_path, "nsps")
        return
    server: Server = request.getfixturevalue("postgres")
    instance = new_instance()
    yield Place(server.url, tmp_path, instance)
    server.execute(f'DROP SCHEMA IF EXISTS "{schema_of(instance)}" CASCADE')


@pytest.fixture
async def store(place: Place, clock: VirtualClock) -> AsyncIterator[Store]:
    opened = await place.open(clock)
    yield opened
    await opened.close()


@pytest.fixture
def scene(store: Store, clock: VirtualClock) -> Scene:
    return Scene(store, clock)


@pytest.fixture(autouse=True)
def every_statement_could_run_on_postgresql() -> Iterator[None]:
    """Whatever a test executes is compiled for PostgreSQL too, but for what `engine.storage.dialect` spells twice."""

    def compile_too(_connection: Any, statement: Any, *_more: Any) -> None:
        ours = isinstance(statement, ClauseElement) and not isinstance(statement, DDLElement)
        if ours and not type(statement).__module__.startswith("sqlalchemy.dialects"):
            statement.compile(dialect=postgresql.asyncpg.dialect())

    hooks.listen(Engine, "before_execute", compile_too)
    yield
    hooks.remove(Engine, "before_execute", compile_too)
