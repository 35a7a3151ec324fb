"""Commands as a person types them, and a store with a past to ask about."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import cli
from engine.authoring.example_event import read_event
from engine.authoring.rehearsal import OWNER, Rehearsal, Seen
from engine.authoring.script import Script
from engine.clock import Clock, SystemClock, VirtualClock
from engine.command import ending_well
from engine.loading.load import load_project
from engine.receiving.arrival import espf_arrival
from engine.route import route
from engine.storage.store import Store
from engine.terminal import plain

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def both(self) -> str:
        return self.out + self.err


class Keyboard:
    """Types commands in a project's folder, in this process."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys

    def __call__(self, *words: str) -> Said:
        self._capsys.readouterr()
        arguments = list(words)
        if words[0] not in ("demo", "explain", "schema", "--version"):
            arguments += ["--project", str(self.folder)]
        with pytest.raises(SystemExit) as ended:
            ending_well(lambda: cli.commands(arguments))
        printed = self._capsys.readouterr()
        code = ended.value.code
        said = Said(code if isinstance(code, int) else int(bool(code)), plain(printed.out), plain(printed.err))
        assert "Traceback" not in said.both
        assert "an error of ours" not in said.both, said.both
        return said


def at_a_store(folder: Path, capsys: pytest.CaptureFixture[str]) -> Keyboard:
    """The same beside a store that is there and empty: what looks into one makes none."""
    keyboard = Keyboard(folder, capsys)
    assert keyboard("migrate").code == 0
    return keyboard


def child(
    folder: Path, *words: str, given: bytes | None = None, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """The same in a process of its own."""
    command = [sys.executable, "-c", "import cli; cli.app()", *words]
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **(environ or {})}
    return subprocess.run(command, cwd=folder, input=given, env=env, capture_output=True, timeout=60, check=False)


@asynccontextmanager
async def store_of(folder: Path, clock: Clock | None = None) -> AsyncIterator[Store]:
    """The project's store."""
    store = await Store.open("sqlite:///var/nsps.db", project=folder, clock=clock or SystemClock(), instance="test")
    try:
        yield store
    finally:
        await store.close()


def past(
    folder: Path,
    events: Sequence[Mapping[str, Any]],
    replies: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    most: int = 1,
    at: datetime | None = None,
) -> list[Seen]:
    """Takes events into the project's store, at `at` (now), and makes at most `most` attempts of each."""

    async def work() -> list[Seen]:
        loaded = load_project(folder, {}, placeholders=True)
        assert loaded.catalog is not None, [problem.message for problem in loaded.problems]
        clock = VirtualClock(at or SystemClock().now())
        async with store_of(folder, clock) as store:
            rehearsal = Rehearsal(loaded.catalog, Script(loaded.catalog, clock, replies or {}), clock, store)
            seen = await rehearsal.run("main", events, [most] * len(events))
            await store.leave(OWNER)
            return seen

    return asyncio.run(work())


def taken(folder: Path, event: Mapping[str, Any], at: datetime | None = None) -> str:
    """Stores an event as the receiver does, with no attempt; returns its id."""

    async def work() -> str:
        loaded = load_project(folder, {}, placeholders=True)
        assert loaded.catalog is not None
        clock = VirtualClock(at or SystemClock().now())
        found = read_event(event, clock.now())
        async with store_of(folder, clock) as store:
            return (await store.accept(espf_arrival(found, route(found, loaded.catalog)))).event_id

    return asyncio.run(work())


def sim(i_event: int, event_type: str = "SIM/Updated", **variables: Any) -> dict[str, Any]:
    """An ESPF event of the project that tests/target.py writes."""
    return {"event_type": event_type, "variables": {"i_env": 1, "i_event": i_event, "i_account": i_event, **variables}}
