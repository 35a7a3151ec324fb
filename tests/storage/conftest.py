"""A store in a file, a clock that stands still, and short ways to say what the tests need."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy import event as hooks
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import DDLElement
from sqlalchemy.sql import ClauseElement

from engine.clock import VirtualClock
from engine.storage.store import Store
from tests.storage.scene import Scene

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(NOON)


@pytest.fixture
async def store(tmp_path: Path, clock: VirtualClock) -> AsyncIterator[Store]:
    opened = await Store.open("sqlite:///var/nsps.db", project=tmp_path, clock=clock)
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
