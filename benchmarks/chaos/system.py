"""The system that is attacked: one process on SQLite, or several on PostgreSQL and a queue's server."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Protocol

from benchmarks.chaos.process import MORTAL, NSPS, READY_S, Running, children, ready
from benchmarks.chaos.project import SECRETS
from benchmarks.chaos.queue_server import QueueServer, rabbitmq, valkey_running
from benchmarks.chaos.queue_server import Running as QueueRunning
from tests.ports import free_port
from tests.postgres import Server
from tests.postgres import running as postgres_running


class System(Protocol):
    """What a scenario does to the engine. `kinds`: what can be killed, such as `worker`."""

    kinds: Sequence[str]
    in_flight: int
    project: Path
    environ: dict[str, str]

    def ports(self) -> Sequence[int]:
        """Where its receivers listen."""

    def store_url(self) -> str:
        """For SQLAlchemy."""

    def pids(self, kind: str) -> list[int]:
        """Its processes of this kind that run now."""

    def spare(self, kind: str) -> list[int]:
        """Those that are at work, and not the last of several that could."""

    async def start(self) -> None:
        """Starts what does not run; returns when it is ready."""

    async def start_mortal(self, moment: str, count: int = 1, clocks: Sequence[Path] = ()) -> None:
        """Starts what passes `moment` as a process that dies there, or whose clock a file moves. See mortal.py."""

    async def died(self) -> None:
        """Returns when the mortal one has ended."""

    async def kill(self, pid: int) -> None:
        """kill -9 of one process; what should run is started again on return."""

    async def stop(self) -> list[int]:
        """SIGTERM to all; their exit codes."""

    def abort(self) -> None:
        """kill -9 of all, for good."""


class Embedded:
    """`nsps run` on a SQLite file."""

    kinds: Sequence[str] = ("all in one",)
    in_flight = 64

    def __init__(self, project: Path, environ: dict[str, str]) -> None:
        self.project = project
        self.environ = {**os.environ, **SECRETS, **environ}
        self.port = free_port()
        self.running: Running | None = None

    def ports(self) -> Sequence[int]:
        return [self.port]

    def store_url(self) -> str:
        return f"sqlite:///{self.project / 'var' / 'nsps.db'}"

    def pids(self, kind: str) -> list[int]:
        assert kind in self.kinds
        return [self.running.pid] if self.running is not None and self.running.alive else []

    def spare(self, kind: str) -> list[int]:
        return self.pids(kind)

    async def start(self) -> None:
        if self.running is None or not self.running.alive:
            await self._start([*NSPS, "run", "-C", str(self.project), "--port", str(self.port)])

    async def start_mortal(self, moment: str, count: int = 1, clocks: Sequence[Path] = ()) -> None:
        more = [str(clock) for clock in clocks[:1]]
        await self._start([*MORTAL, "all", str(self.project), str(self.port), moment, str(count), *more])

    async def _start(self, command: Sequence[str]) -> None:
        self.running = Running(command, self.project, self.environ, "nsps")
        await ready(self.running, self.port)

    async def died(self) -> None:
        assert self.running is not None
        await self.running.exited()

    async def kill(self, pid: int) -> None:
        assert self.running is not None and self.running.pid == pid
        await self.running.kill()
        await self.start()

    async def stop(self) -> list[int]:
        if self.running is None or not self.running.alive:
            return []
        self.running.process.terminate()
        return [await self.running.exited()]

    def abort(self) -> None:
        if self.running is not None:
            self.running.abort()


class Split:
    """Two receivers, and a supervisor with two workers, on a PostgreSQL that syncs and a queue's server."""

    kinds: Sequence[str] = ("receiver", "worker")
    in_flight = 64
    processes = 2

    def __init__(self, project: Path, environ: dict[str, str], queue: QueueRunning = valkey_running) -> None:
        self.project = project
        with ExitStack() as servers:
            self.queue: QueueServer = servers.enter_context(queue(project.parent / "queue"))
            self.postgres: Server = servers.enter_context(postgres_running(durable=True))
            self._servers = servers.pop_all()
        here = {"NSPS_STORE": self.postgres.url, "NSPS_QUEUE": self.queue.url}
        self.environ = {**os.environ, **SECRETS, **environ, **here}
        self._ports = [free_port(), free_port()]
        self.receivers: dict[int, Running] = {}
        self.supervisor: Running | None = None
        self._mortal: list[Running] = []

    def ports(self) -> Sequence[int]:
        return self._ports

    def store_url(self) -> str:
        return self.postgres.url.replace("postgresql:", "postgresql+psycopg:")

    def pids(self, kind: str) -> list[int]:
        if kind == "receiver":
            return [one.pid for one in self.receivers.values() if one.alive]
        mortal = [one.pid for one in self._mortal if one.alive and one not in self.receivers.values()]
        return [*children(self.supervisor.pid), *mortal] if self.supervisor is not None else mortal

    def spare(self, kind: str) -> list[int]:
        if kind == "receiver":
            return self.pids(kind)
        working = self._delivering()
        return working if len(working) > 1 else []

    async def start(self) -> None:
        await self._start()
        async with asyncio.timeout(READY_S):
            while len(self._delivering()) < self.processes:
                await asyncio.sleep(0.05)

    async def _start(self) -> None:
        """What does not run; the workers exist when it returns, and begin to deliver some time later."""
        for port in self._ports:
            if port not in self.receivers or not self.receivers[port].alive:
                command = [*NSPS, "serve", "-C", str(self.project), "--port", str(port)]
                await self._receiver(port, command)
        if self.supervisor is None or not self.supervisor.alive:
            command = [*NSPS, "worker", "-C", str(self.project), "--processes", str(self.processes)]
            self.supervisor = Running(command, self.project, self.environ, "worker")
        async with asyncio.timeout(READY_S):
            while len(self.pids("worker")) < self.processes:
                await asyncio.sleep(0.05)

    async def _receiver(self, port: int, command: Sequence[str]) -> None:
        self.receivers[port] = Running(command, self.project, self.environ, "serve")
        await ready(self.receivers[port], port)

    def _delivering(self) -> list[int]:
        """The workers that have said that they deliver."""
        log = self.supervisor.log.read_text() if self.supervisor is not None else ""
        said = {int(pid) for pid in re.findall(r'"owner":"\w+-(\d+)-', log)}
        return [pid for pid in self.pids("worker") if pid in said]

    async def start_mortal(self, moment: str, count: int = 1, clocks: Sequence[Path] = ()) -> None:
        """`answered`: one worker, which dies. `committed`: one of the receivers. With clocks: all four, a clock each."""
        for number, port in enumerate(self._ports):
            clock = clocks[number % len(clocks)] if clocks else None
            dies = bool(clocks) or (moment == "committed" and number == 0)
            command = [*NSPS, "serve", "-C", str(self.project), "--port", str(port)]
            await self._receiver(port, self._dying("receiver", port, moment, count, clock) if dies else command)
            self._mortal += [self.receivers[port]] if dies else []
        if clocks or moment == "answered":
            for clock in clocks or [None]:
                command = self._dying("worker", 0, moment, count, clock)
                self._mortal.append(Running(command, self.project, self.environ, "worker"))
        elif self.supervisor is None or not self.supervisor.alive:
            await self.start()

    def _dying(self, part: str, port: int, moment: str, count: int, clock: Path | None) -> list[str]:
        more = [str(clock)] if clock else []
        return [*MORTAL, part, str(self.project), str(port), moment, str(count), *more]

    async def died(self) -> None:
        await self._mortal[-1].exited()
        self._mortal = [one for one in self._mortal if one.alive]

    async def kill(self, pid: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        for one in self.receivers.values():
            if one.pid == pid:
                await one.exited()
        await asyncio.sleep(0.05)
        await self._start()

    async def stop(self) -> list[int]:
        ours = [*self.receivers.values(), *self._mortal, *([self.supervisor] if self.supervisor else [])]
        alive = [one for one in dict.fromkeys(ours) if one.alive]
        for one in alive:
            one.process.terminate()
        self._mortal = []
        return [await one.exited() for one in alive]

    def abort(self) -> None:
        workers = self.pids("worker")
        for one in (*self.receivers.values(), *self._mortal, *([self.supervisor] if self.supervisor else [])):
            one.abort()
        for pid in workers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._servers.close()


def on_rabbitmq(project: Path, environ: dict[str, str]) -> Split:
    """The same on RabbitMQ."""
    return Split(project, environ, rabbitmq)


def processes_of(system: Any) -> list[int]:
    """All of its processes that run now."""
    return [pid for kind in system.kinds for pid in system.pids(kind)]
