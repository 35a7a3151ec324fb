"""`nsps serve` and `nsps worker` as real processes over real servers, beside the target they deliver to."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx2

from tests.ports import free_port
from tests.redis_server import RedisServer, redis_running
from tests.target import CONNECTOR, NSPS, SECRETS, Target, target_running, write_project

NSPS_COMMAND = Path(sys.executable).with_name("nsps")
WITHIN_S = 120.0  # a machine that tests many things at once is slow; what takes time by design is measured elsewhere

UNORDERED = """\
pipeline: main
events: ["SIM/*"]
map:
  key: to_string(data.variables.i_event)
dispatch:
  - call: target.put
"""


class Part:
    """One process."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def pids(self) -> list[int]:
        """The worker processes it ever started, oldest first."""
        return [int(pid) for pid in re.findall(r'"owner":"\w+-(\d+)-', self.log)]

    async def terminate(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), WITHIN_S)

    async def end(self) -> None:
        """The hard way; workers notice that their supervisor is gone."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        for pid in self.pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


class Cluster:
    """A system of one instance. `accepted` are the events that were answered 200."""

    def __init__(self, folder: Path, instance: str, environ: dict[str, str], target: Target) -> None:
        nsps = NSPS.replace("instance: test", f"instance: {instance}") + "queue: ${NSPS_QUEUE}\n"
        self.project = write_project(
            folder / instance, nsps, UNORDERED, CONNECTOR.replace("timeout: 5s", "timeout: 60s")
        )
        self.instance = instance
        self.target = target
        self.accepted: set[str] = set()
        self.url = ""
        self.environ = {**os.environ, **SECRETS, **environ}
        self._parts: list[Part] = []
        self._client = httpx2.AsyncClient(timeout=30)

    async def start(self, workers: int = 1) -> tuple[Part, Part]:
        """A receiver and so many worker processes, ready."""
        return await asyncio.gather(self.receiver(), self.worker(workers))

    async def receiver(self) -> Part:
        """A receiver that is ready; `post` goes to the last one."""
        port = free_port()
        part = await self._start("serve", "--port", str(port))
        self.url = f"http://127.0.0.1:{port}"
        await until(self._ready, lambda: f"it did not start: {part.log[-2000:]}")
        return part

    async def worker(self, processes: int = 1) -> Part:
        """A supervisor whose workers deliver."""
        part = await self._start("worker", "--processes", str(processes))
        await until(lambda: len(part.pids) == processes, lambda: f"it did not start: {part.log[-2000:]}")
        return part

    async def says(self, *words: str) -> tuple[int, str]:
        """The exit code of a command, and its last line."""
        process = await asyncio.create_subprocess_exec(
            str(NSPS_COMMAND), *words, cwd=self.project, env=self.environ, stdout=asyncio.subprocess.PIPE
        )
        told, _ = await process.communicate()
        return process.returncode or 0, told.decode().rstrip().rpartition("\n")[2]

    async def _start(self, *words: str) -> Part:
        log = self.project / f"{words[0]}-{len(self._parts)}.log"
        with log.open("ab") as out:
            process = await asyncio.create_subprocess_exec(
                str(NSPS_COMMAND), *words, cwd=self.project, env=self.environ, stdout=out, stderr=out
            )
        self._parts.append(Part(process, log))
        return self._parts[-1]

    async def _ready(self) -> bool:
        try:
            return (await self._client.get(f"{self.url}/ready")).status_code == 200
        except httpx2.TransportError:
            return False

    async def post(self, *i_events: int) -> None:
        """Posts these, at most 20 at once; each is answered in time, and those answered 200 are remembered."""
        numbers = iter(i_events)

        async def some() -> None:
            for number in numbers:
                event = {"event_type": "SIM/Updated", "variables": {"i_event": number, "i_account": number}}
                answer = await self._client.post(
                    f"{self.url}/espf", json=event, auth=("espf", SECRETS["ESPF_PASSWORD"])
                )
                if answer.status_code == 200:
                    self.accepted.add(str(number))

        await asyncio.gather(*(some() for _ in range(20)))

    @property
    def delivered(self) -> set[str]:
        return {request["key"] for request in self.target.requests}

    async def all_delivered(self) -> None:
        await until(lambda: self.accepted <= self.delivered, self._lost)

    def _lost(self) -> str:
        logs = "\n".join(part.log[-1500:] for part in self._parts)
        return f"not delivered: {sorted(self.accepted - self.delivered)[:20]} of {len(self.accepted)}\n{logs}"

    def keys_agree(self) -> bool:
        """Whether what was sent twice carried the same idempotency key."""
        pairs = {(request["key"], key) for request, key in zip(self.target.requests, self.target.keys, strict=True)}
        return len(pairs) == len(self.delivered)

    async def end(self) -> None:
        for part in self._parts:
            await part.end()
        await self._client.aclose()


async def until(holds: Callable[[], object], otherwise: Callable[[], str]) -> None:
    """Returns when it holds; fails saying `otherwise` when that takes too long."""
    loop = asyncio.get_running_loop()
    end = loop.time() + WITHIN_S
    while True:
        held = holds()
        if await held if asyncio.iscoroutine(held) else held:
            return
        assert loop.time() < end, otherwise()
        await asyncio.sleep(0.02)


@asynccontextmanager
async def cluster(folder: Path, store: str, server: RedisServer, instance: str) -> AsyncIterator[Cluster]:
    """A system without processes yet, and its target."""
    async with target_running() as (target, url):
        environ = {"TARGET_URL": url, "NSPS_STORE": store, "NSPS_QUEUE": server.url}
        one = Cluster(folder, instance, environ, target)
        try:
            yield one
        finally:
            target.let_go.set()
            await one.end()


__all__ = ["Cluster", "Part", "RedisServer", "cluster", "redis_running", "until"]
