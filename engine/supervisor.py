"""`nsps worker`: as many worker processes as asked for, each started again when it dies, while the others go on.

They are spawned, so that none inherits another's sockets or threads. A signal is passed on; a worker whose supervisor was killed
notices and stops by itself. One that dies soon after its start is started again ever less often.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path

import structlog

from engine.catalog import Catalog
from engine.clock import SystemClock
from engine.command import ending_well
from engine.run import GRACE_S, opened, work_command
from engine.storage.store import Store
from engine.summary import summary_lines
from engine.terminal import say

FIRST_DELAY_S = 0.2
LONGEST_DELAY_S = 5.0
LIVED_S = 3.0  # a worker that lived so long had started well
KILLED_AFTER_S = GRACE_S + 10.0
# A signal ends only one that has not begun to deliver; others handle it.
AS_ASKED = (0, -signal.SIGTERM, -signal.SIGINT)

log = structlog.get_logger("nsps.supervisor")

Start = Callable[[], BaseProcess]


def supervise_command(project: Path, environ: Mapping[str, str], processes: int) -> int:
    """Runs `processes` workers until a signal comes; 0 when all of them stopped as asked.

    Raises ConfigurationRefused, WrongUse, StoreUnavailable or SchemaMismatch, once, when they could not start.
    """
    catalog, masker = opened(project, environ, shared_by="nsps worker")
    asyncio.run(_try_store(catalog))
    told = f"{processes} worker process{'es' if processes != 1 else ''}"
    for line in summary_lines(catalog, masker, "worker", told):
        say(line)
    sys.stdout.flush()
    spawn = multiprocessing.get_context("spawn")
    return asyncio.run(Supervisor(lambda: spawn.Process(target=worker_process, args=(str(project),)), processes).run())


async def _try_store(catalog: Catalog) -> None:
    settings = catalog.settings
    store = await Store.open(settings.store, project=catalog.project, clock=SystemClock(), instance=settings.instance)
    await store.close()


def worker_process(project: str) -> None:
    """What a spawned process does. It has a session of its own: Ctrl-C at a terminal comes from the supervisor alone."""
    os.setsid()
    supervisor = multiprocessing.parent_process()
    gone = supervisor.sentinel if supervisor is not None else None
    ending_well(lambda: sys.exit(work_command(Path(project), os.environ, gone)))


class Supervisor:
    """Keeps `processes` children running, each made by `make`."""

    def __init__(self, make: Start, processes: int, killed_after_s: float = KILLED_AFTER_S) -> None:
        self._make = make
        self._processes = processes
        self._killed_after_s = killed_after_s
        self._stopping = asyncio.Event()
        self._children: dict[int, BaseProcess] = {}

    async def run(self) -> int:
        """Returns when a signal came and all children have ended: 0 when each stopped as asked, else 1."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop, number)
        loop.add_signal_handler(signal.SIGHUP, self._pass_on, signal.SIGHUP)
        codes = await asyncio.gather(*(self._keep(number) for number in range(self._processes)))
        return 0 if all(code in AS_ASKED for code in codes) else 1

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Asks all children to stop; asked again, ends them at once."""
        self._pass_on(signal.SIGKILL if self._stopping.is_set() else number)
        self._stopping.set()

    def _pass_on(self, number: int) -> None:
        for child in self._children.values():
            if child.is_alive() and child.pid is not None:
                os.kill(child.pid, number)

    async def _keep(self, place: int) -> int:
        """One place: a child, and the next when it dies. Returns how the one ended that was asked to stop; 0 when there was
        none, for the next was not started yet."""
        loop, delay_s = asyncio.get_running_loop(), FIRST_DELAY_S
        while not self._stopping.is_set():
            began = loop.time()
            code = await self._one(place)
            if self._stopping.is_set():
                return code
            lived_s = loop.time() - began
            delay_s = FIRST_DELAY_S if lived_s >= LIVED_S else min(2 * delay_s, LONGEST_DELAY_S)
            log.error("a worker process ended by itself; another is started", code=code, lived_s=round(lived_s, 1))
            await self._stopped_within(delay_s)
        return 0

    async def _one(self, place: int) -> int:
        """A child from its start to its end; returns its exit code, negative when a signal ended it."""
        child = self._make()
        child.start()
        self._children[place] = child
        watching = asyncio.create_task(self._kill_when_late(child))
        await _ended(child)
        watching.cancel()
        del self._children[place]
        child.join()
        code = child.exitcode
        child.close()
        return code if code is not None else 1

    async def _kill_when_late(self, child: BaseProcess) -> None:
        await self._stopping.wait()
        await asyncio.sleep(self._killed_after_s)
        log.error("a worker process did not stop in time and is killed", pid=child.pid)
        child.kill()

    async def _stopped_within(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return


async def _ended(child: BaseProcess) -> None:
    """Returns when the process has ended."""
    ended, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_reader(child.sentinel, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(child.sentinel)
