"""Real processes, spawned, killed and stopped."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from engine.errors import WrongUse
from engine.supervisor import Supervisor, supervise_command
from tests import children
from tests.running import until
from tests.target import SECRETS, write_project


def started(folder: Path) -> set[int]:
    """The process ids that were started."""
    return {int(path.name.split("-")[1]) for path in folder.glob("started-*")}


@asynccontextmanager
async def supervised(
    child: Callable[[str], None], folder: Path, processes: int, killed_after_s: float = 20
) -> AsyncIterator[tuple[Supervisor, asyncio.Task[int]]]:
    spawn: Any = multiprocessing.get_context("spawn")
    supervisor = Supervisor(lambda: spawn.Process(target=child, args=(str(folder),)), processes, killed_after_s)
    running = asyncio.create_task(supervisor.run())
    yield supervisor, running
    supervisor.stop(signal.SIGKILL)
    await running


async def test_one_that_is_killed_is_started_again_and_the_others_go_on(tmp_path: Path) -> None:
    async with supervised(children.obedient, tmp_path, 2) as (supervisor, running):
        await until(lambda: len(started(tmp_path)) == 2)
        first, other = sorted(started(tmp_path))
        os.kill(first, signal.SIGKILL)
        await until(lambda: len(started(tmp_path)) == 3)
        assert Path(f"/proc/{other}").exists(), "its sibling was not touched"
        supervisor.stop()
        assert await running == 0


async def test_a_signal_stops_all_and_ends_with_0(tmp_path: Path) -> None:
    async with supervised(children.obedient, tmp_path, 2) as (_, running):
        await until(lambda: len(started(tmp_path)) == 2)
        os.kill(os.getpid(), signal.SIGTERM)
        assert await running == 0
        assert not any(Path(f"/proc/{pid}").exists() for pid in started(tmp_path))


async def test_one_that_is_asked_while_it_still_starts_has_stopped_as_asked(tmp_path: Path) -> None:
    async with supervised(children.obedient, tmp_path, 1) as (supervisor, running):
        await until(multiprocessing.active_children)
        supervisor.stop()
        assert await running == 0
        assert not started(tmp_path)


async def test_one_that_had_died_and_was_not_started_again_yet_is_none_that_stopped_badly(tmp_path: Path) -> None:
    async with supervised(children.obedient, tmp_path, 1) as (supervisor, running):
        await until(lambda: started(tmp_path))
        os.kill(*started(tmp_path), signal.SIGKILL)
        await until(lambda: not multiprocessing.active_children())
        supervisor.stop()
        assert await running == 0


async def test_one_that_breaks_at_once_is_started_again_ever_less_often(tmp_path: Path) -> None:
    async with supervised(children.short_lived, tmp_path, 1) as (_, running):
        await until(lambda: len(started(tmp_path)) >= 2)
        assert not running.done()


async def test_one_that_does_not_stop_is_killed_and_said_so(tmp_path: Path) -> None:
    async with supervised(children.stubborn, tmp_path, 1, killed_after_s=0.2) as (supervisor, running):
        await until(lambda: len(started(tmp_path)) == 1)
        supervisor.stop()
        assert await running == 1


async def test_asked_twice_it_does_not_wait_for_them(tmp_path: Path) -> None:
    async with supervised(children.stubborn, tmp_path, 1, killed_after_s=3600) as (supervisor, running):
        await until(lambda: len(started(tmp_path)) == 1)
        supervisor.stop()
        supervisor.stop()
        assert await running == 1


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "SQLite is for one.*NSPS_STORE=postgresql://.*nsps run"),
        ({"NSPS_STORE": "postgresql://nsps@db/nsps"}, "embedded one is for one.*NSPS_QUEUE=redis://.*nsps run"),
    ],
)
def test_what_only_one_process_can_use_is_refused_with_what_to_set(
    environ: dict[str, str], said: str, tmp_path: Path
) -> None:
    project = write_project(tmp_path / "project")
    with pytest.raises(WrongUse, match=said):
        supervise_command(project, {**SECRETS, "TARGET_URL": "http://t", **environ}, 1)
