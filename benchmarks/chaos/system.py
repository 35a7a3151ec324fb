"""The system that is attacked, in one process on SQLite; systems of several processes are beside it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from benchmarks.chaos.project import SECRETS
from benchmarks.process import free_port

ROOT = Path(__file__).resolve().parents[2]
# The command line of this very checkout, wherever `nsps` may be installed from.
NSPS = (sys.executable, "-c", "import sys; sys.path.insert(0, sys.argv.pop(1)); from cli import app; app()", str(ROOT))
MORTAL = Path(__file__).with_name("mortal.py")
READY_S = 60.0
STOP_S = 60.0


class System(Protocol):
    """What a scenario does to the engine. `kinds`: what can be killed, such as `worker`."""

    name: str
    kinds: Sequence[str]
    in_flight: int

    def ports(self) -> Sequence[int]:
        """Where its receivers listen."""

    def store_url(self) -> str:
        """For SQLAlchemy."""

    def pids(self, kind: str) -> list[int]:
        """Its processes of this kind that should be running."""

    async def start(self) -> None:
        """Returns when it is ready."""

    async def kill(self, pid: int) -> None:
        """kill -9 of one process; what should run is started again, and is ready on return."""

    async def stop(self) -> list[int]:
        """SIGTERM to all; their exit codes."""

    def abort(self) -> None:
        """kill -9 of all, for good."""


class Running:
    """One of our processes, its output in a file."""

    def __init__(self, command: Sequence[str], project: Path, environ: dict[str, str], name: str) -> None:
        self.log = project / f"{name}.log"
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(command, cwd=project, env=environ, stdout=out, stderr=out)

    @property
    def pid(self) -> int:
        return self.process.pid

    async def exited(self, within_s: float = STOP_S) -> int:
        """Its exit code. Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            while (code := self.process.poll()) is None:
                await asyncio.sleep(0.01)
        return code

    async def kill(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        await self.exited()

    def abort(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()


async def ready(running: Running, port: int) -> None:
    """Returns when it answers. Raises RuntimeError when it ended instead, TimeoutError."""
    async with asyncio.timeout(READY_S):
        while not await asyncio.to_thread(answers, port):
            if running.process.poll() is not None:
                raise RuntimeError(f"it ended instead of starting: {running.log.read_text()[-800:]}")
            await asyncio.sleep(0.02)


def answers(port: int, path: str = "/ready") -> bool:
    """Whether something answers 200 there."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2):
            return True
    except OSError:
        return False


class Embedded:
    """`nsps run` on a SQLite file."""

    name = "SQLite, one process"
    kinds = ("all in one",)
    in_flight = 64

    def __init__(self, project: Path, environ: dict[str, str]) -> None:
        self.project = project
        self.own_environ = environ
        self.environ = {**os.environ, **SECRETS, **environ}
        self.port = free_port()
        self.running: Running | None = None

    def ports(self) -> Sequence[int]:
        return [self.port]

    def store_url(self) -> str:
        return f"sqlite:///{self.project / 'var' / 'nsps.db'}"

    def pids(self, kind: str) -> list[int]:
        assert kind in self.kinds
        return [self.running.pid] if self.running is not None and self.running.process.poll() is None else []

    async def start(self) -> None:
        await self._start([*NSPS, "run", "-C", str(self.project), "--port", str(self.port)])

    async def start_mortal(self, moment: str, count: int = 1, clock: Path | None = None) -> None:
        """Starts one that dies at a moment, or whose clock a file moves. See mortal.py."""
        more = [str(clock)] if clock else []
        command = [sys.executable, str(MORTAL), str(self.project), str(self.port), moment, str(count), *more]
        await self._start(command)

    async def _start(self, command: Sequence[str]) -> None:
        self.running = Running(command, self.project, self.environ, "nsps")
        await ready(self.running, self.port)

    async def died(self) -> int:
        """Waits for it to end by itself."""
        assert self.running is not None
        return await self.running.exited()

    async def kill(self, pid: int) -> None:
        assert self.running is not None and self.running.pid == pid
        await self.running.kill()
        await self.start()

    async def stop(self) -> list[int]:
        if self.running is None or self.running.process.poll() is not None:
            return []
        self.running.process.terminate()
        return [await self.running.exited()]

    def abort(self) -> None:
        if self.running is not None:
            self.running.abort()


def rss_mib(pid: int) -> float:
    """What the process keeps in memory now."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024
