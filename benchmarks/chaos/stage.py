"""Everything one scenario has: the system under attack, its target, a sender, and chance."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.chaos.espf import Event, Sender
from benchmarks.chaos.ledger import Effects, Rows, effects, rows, unfinished
from benchmarks.chaos.process import NSPS, Running
from benchmarks.chaos.project import write_project
from benchmarks.chaos.verdict import Attack, Found, judge
from tests.ports import free_port

SETTLED_S = 90.0


class Target:
    """The external system's process, and how it is told to behave."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.log = folder / "effects.jsonl"
        self.log.touch()
        self.port = free_port()
        script = str(Path(__file__).with_name("target.py"))
        self.running = Running([sys.executable, script, str(self.port), str(self.log), str(seed)], folder, {}, "target")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def behave(self, **paths: dict[str, Any]) -> None:
        """How each path answers from now on; see target.py. Raises OSError when it cannot be told."""
        body = json.dumps(paths).encode()
        await asyncio.to_thread(urllib.request.urlopen, f"{self.url}/_behave", body, 10)

    async def ready(self) -> None:
        await until(self._answers, "the target did not start", 30)

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.url}/_behave", b"{}", 1).close()
        except OSError:
            return False
        return True

    def effects(self) -> Effects:
        return effects(self.log)

    def lines(self) -> int:
        """How many requests came so far."""
        return self.log.read_bytes().count(b"\n")


@dataclass
class Stage:
    """One scenario's world. `size(full, quick)` chooses a count."""

    folder: Path
    system: Any
    target: Target
    chance: Random
    quick: bool
    sender: Sender = field(init=False)
    _next: int = 0

    def __post_init__(self) -> None:
        self.sender = Sender(ports=self.system.ports)

    def size(self, full: int, quick: int) -> int:
        return quick if self.quick else full

    def events(self, count: int, accounts: int = 50, **more: Any) -> list[Event]:
        """New events in order of their ids, of accounts drawn by chance."""
        made = [
            Event(i_event=self._next + number + 1, account=self.chance.randrange(accounts), **more)
            for number in range(count)
        ]
        self._next += count
        return made

    def rows(self) -> Rows:
        return rows(self.system.store_url())

    async def settled(self, within_s: float = SETTLED_S, left: int = 0) -> None:
        """Returns when no more than `left` deliveries wait or run."""
        url = self.system.store_url()
        await until(lambda: unfinished(url) <= left, "deliveries still wait", within_s)

    async def nsps(self, *command: str) -> str:
        """What `nsps COMMAND` prints. Raises RuntimeError when it fails."""
        done = await asyncio.to_thread(
            subprocess.run, [*NSPS, *command, "-C", str(self.system.project)],
            env=self.system.environ, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"nsps {' '.join(command)} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    async def verdict(self, attack: Attack, within_s: float = SETTLED_S, left: int = 0) -> Found:
        """Waits until all is settled, and judges; what never settles is a problem, not an exception."""
        stuck = ""
        try:
            await self.settled(within_s, left)
        except TimeoutError as error:
            stuck = str(error)
        found = judge(attack, self.sender, self.target.effects(), self.rows())
        found.must(not stuck, f"{stuck} after {within_s:g} s")
        if not self.quick:
            await self._audited(found)
        return found

    async def _audited(self, found: Found) -> None:
        try:
            await self.nsps("audit")
        except RuntimeError as gap:
            found.must("No such command" in str(gap), str(gap))


async def until(holds: Callable[[], Any], otherwise: str, within_s: float = 30.0) -> None:
    """Returns when it holds. Raises TimeoutError, saying `otherwise`."""
    end = time.monotonic() + within_s
    while not await asyncio.to_thread(holds):
        if time.monotonic() > end:
            raise TimeoutError(otherwise)
        await asyncio.sleep(0.05)


@asynccontextmanager
async def stage(
    folder: Path, make: Callable[..., Any], seed: int, quick: bool, changed: dict[str, str] | None = None
) -> AsyncIterator[Stage]:
    """A running target and a system over a fresh project, not yet started."""
    folder.mkdir(parents=True)
    project = folder / "project"
    write_project(project, changed)
    target, system = Target(folder, seed), None
    try:
        await target.ready()
        system = make(project, {"TARGET_URL": target.url})
        yield Stage(folder, system, target, Random(seed), quick)
    finally:
        target.running.abort()
        if system is not None:
            system.abort()


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of them lie; 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
