"""A delivery that kills its process is found, set aside and explained; its neighbours are delivered meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import orjson

from engine.clock import SystemClock
from engine.loading.load import open_project
from engine.management.history import standing
from engine.management.waits import waits_now
from engine.simulators.serve import serving
from engine.storage.shown import EventRow
from engine.storage.store import Store
from engine.terminal import plain
from tests.ports import free_port
from tests.running import until
from tests.target import CONNECTOR, SECRETS, write_project

CHILD = Path(__file__).with_name("child.py")
POISON = "666"
REASON = "set aside: 3 times the process that ran it, and nothing else, crashed"

PIPELINE = """\
pipeline: main
events: ["SIM/*"]
map:
  key: to_string(data.variables.i_event)
dispatch:
  - call: target.put
"""
TWO_STEPS = PIPELINE.replace("  - call: target.put\n", "  - call: target.fetch\n  - call: target.put\n")
FETCH = """\
  fetch:
    read_only: true
    args: {key: {type: string}}
    request: {method: POST, path: /fetch, json: {key: "{{ args.key }}"}}
"""


class System:
    """An external system whose answer to one key takes the process that asked down; others wait until the first crash."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.crashed = asyncio.Event()
        self.kill: Callable[[], Coroutine[Any, Any, None]] = self.crashed.wait  # type: ignore[assignment]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """ASGI."""
        body = b""
        while (message := await receive()).get("more_body") or message["type"] == "http.request":
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        key = orjson.loads(body)["key"]
        if scope["path"] == "/fetch":
            return await answer(send, b"[" + b"[]," * 1_200_000 + b"[]]" if key == POISON else b"{}")
        self.asked.append(key)
        if key == POISON:
            await self.kill()
            await receive()  # until the process is gone
            return None
        await self.crashed.wait()
        await answer(send, b"{}")


async def answer(send: Any, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Supervised:
    """A process that is started again whenever it dies. `deaths` counts."""

    def __init__(self, project: Path, url: str) -> None:
        self.project = project
        self._environ = {**os.environ, **SECRETS, "TARGET_URL": url}
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.deaths: list[int] = []
        self.process: asyncio.subprocess.Process | None = None

    async def run(self, crashed: asyncio.Event) -> None:
        """Until cancelled."""
        while True:
            with (self.project / "log.txt").open("ab") as out:
                self.process = await asyncio.create_subprocess_exec(
                    sys.executable, str(CHILD), str(self.project), str(self.port),
                    env=self._environ, stdout=out, stderr=out,
                )  # fmt: skip
            self.deaths.append(await self.process.wait())
            crashed.set()

    @property
    def resident_bytes(self) -> int:
        assert self.process is not None
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    async def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)

    async def ready(self, client: httpx2.AsyncClient) -> bool:
        try:
            return (await client.get(f"{self.url}/ready")).status_code == 200
        except httpx2.TransportError:
            return False

    async def event(self, i_event: str) -> EventRow:
        store = await Store.open("sqlite:///var/nsps.db", project=self.project, clock=SystemClock())
        try:
            found = await store.event(i_event)
        finally:
            await store.close()
        assert found is not None
        return found

    async def state(self, i_event: str) -> str:
        return (await self.event(i_event)).deliveries[0].state

    async def told(self, i_event: str) -> str:
        """What `nsps events` says of it."""
        clock = SystemClock()
        store = await Store.open("sqlite:///var/nsps.db", project=self.project, clock=clock)
        try:
            found = await store.event(i_event)
            waits = await waits_now(store, open_project(self.project, self._environ), clock)
        finally:
            await store.close()
        assert found is not None
        return plain(standing(found.deliveries[0], waits))


@asynccontextmanager
async def supervised(folder: Path, **project: str) -> AsyncIterator[tuple[Supervised, System, httpx2.AsyncClient]]:
    system = System()
    async with serving(system) as url, httpx2.AsyncClient() as client:
        process = Supervised(write_project(folder / "project", **{"pipeline": PIPELINE, **project}), url)
        running = asyncio.create_task(process.run(system.crashed))
        try:
            await until(lambda: process.process)
            await until(lambda: process.ready(client))
            yield process, system, client
        finally:
            running.cancel()
            await process.kill()


async def post(client: httpx2.AsyncClient, url: str, i_event: str) -> None:
    event = {"event_type": "SIM/Updated", "variables": {"i_event": int(i_event)}}
    answered = await client.post(f"{url}/espf", json=event, auth=("espf", SECRETS["ESPF_PASSWORD"]))
    assert answered.status_code == 200


async def test_a_delivery_that_kills_its_process_is_set_aside_after_four_crashes_and_its_neighbours_are_delivered(
    tmp_path: Path,
) -> None:
    async with supervised(tmp_path) as (process, system, client):
        system.kill = process.kill
        neighbours = [str(number) for number in range(1, 21)]
        for i_event in neighbours[:10]:
            await post(client, process.url, i_event)
        await until(lambda: len(system.asked) == 10)  # in flight, every one of them, when it crashes
        await post(client, process.url, POISON)
        await until(lambda: process.deaths)
        await until(lambda: process.ready(client), 30)
        for i_event in neighbours[10:]:
            await until(lambda: process.ready(client), 30)
            await post_until_taken(client, process, i_event)

        async def set_aside() -> bool:
            return await process.state(POISON) == "failed"

        await until(set_aside, 60)
        assert process.deaths == [-signal.SIGKILL] * 4, "one crash with the others, three alone"
        assert await process.told(POISON) == f"failed, {REASON}"
        for i_event in neighbours:
            await until(partial(has_state, process, i_event, "delivered"), 30)
            assert system.asked.count(i_event) <= 2, "a neighbour is repeated for the one crash it was in"
        assert await process.ready(client)
        assert len(process.deaths) == 4


async def post_until_taken(client: httpx2.AsyncClient, process: Supervised, i_event: str) -> None:
    """As ESPF does: again, when the process died meanwhile."""

    async def taken() -> bool:
        try:
            await post(client, process.url, i_event)
        except httpx2.TransportError:
            return False
        return True

    await until(taken, 30)


async def has_state(process: Supervised, i_event: str, state: str) -> bool:
    return await process.state(i_event) == state


async def test_a_delivery_that_runs_the_process_out_of_memory_is_set_aside_too(tmp_path: Path) -> None:
    async with supervised(tmp_path, pipeline=TWO_STEPS, connector=CONNECTOR + FETCH) as (process, system, client):
        room_bytes = process.resident_bytes + 50 * 1024 * 1024
        system.kill = system.crashed.wait  # type: ignore[assignment]  # nothing but its memory kills it

        async def as_the_kernel_does() -> None:
            while True:
                try:
                    if process.resident_bytes > room_bytes:
                        await process.kill()
                except (OSError, IndexError, ProcessLookupError):
                    pass  # it died
                await asyncio.sleep(0.005)

        kernel = asyncio.create_task(as_the_kernel_does())
        await post(client, process.url, "1")
        await until(lambda: system.asked == ["1"])
        await post(client, process.url, POISON)
        await until(lambda: has_state(process, POISON, "failed"), 60)
        assert process.deaths == [-signal.SIGKILL] * 4
        assert (await process.event(POISON)).deliveries[0].reason == REASON
        await until(lambda: has_state(process, "1", "delivered"), 30)
        kernel.cancel()
