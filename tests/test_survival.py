"""Killed at will, the process loses nothing: what was answered 200 is delivered, and twice only under one idempotency key."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.ports import free_port
from tests.target import SECRETS, Target, target_running, write_project

CHILD = Path(__file__).with_name("child.py")
WITHIN_S = 20.0

UNORDERED = """\
pipeline: main
events: ["SIM/*"]
map:
  key: to_string(data.variables.i_event)
dispatch:
  - call: target.put
"""


class Child:
    """A project that runs in a process of its own, started again after each death."""

    def __init__(self, project: Path, target_url: str) -> None:
        self.project = project
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environ = {**os.environ, **SECRETS, "TARGET_URL": target_url}
        self.process: asyncio.subprocess.Process | None = None

    async def start(self, *death: str) -> None:
        """Returns when it is ready."""
        with (self.project / "log.txt").open("ab") as out:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, str(CHILD), str(self.project), str(self.port), *death,
                env=self._environ, stdout=out, stderr=out,
            )  # fmt: skip
        async with httpx2.AsyncClient() as client:
            await until(lambda: self._ready(client), f"it did not start: {self.log[-2000:]}")

    async def _ready(self, client: httpx2.AsyncClient) -> bool:
        try:
            return (await client.get(f"{self.url}/ready")).status_code == 200
        except httpx2.TransportError:
            return False

    @property
    def log(self) -> str:
        return (self.project / "log.txt").read_text()

    async def kill(self) -> None:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()

    async def terminate(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), WITHIN_S)

    async def died(self) -> int:
        assert self.process is not None
        return await asyncio.wait_for(self.process.wait(), WITHIN_S)


async def until(holds: Callable[[], Any], otherwise: str) -> None:
    """Returns when it holds; fails saying `otherwise` when that takes longer than twenty seconds."""
    loop = asyncio.get_running_loop()
    end = loop.time() + WITHIN_S
    while True:
        held = holds()
        if await held if asyncio.iscoroutine(held) else held:
            return
        assert loop.time() < end, otherwise
        await asyncio.sleep(0.02)


@asynccontextmanager
async def system(folder: Path, pipeline: str = UNORDERED) -> AsyncIterator[tuple[Child, Target]]:
    async with target_running() as (target, url):
        child = Child(write_project(folder / "project", pipeline=pipeline), url)
        try:
            yield child, target
        finally:
            if child.process is not None:
                await child.kill()


async def post(client: httpx2.AsyncClient, url: str, i_event: int) -> bool:
    """Whether it was answered 200; a process that dies while it answers counts as no."""
    event = {"event_type": "SIM/Updated", "variables": {"i_event": i_event, "i_account": i_event % 7}}
    try:
        answer = await client.post(f"{url}/espf", json=event, auth=("espf", SECRETS["ESPF_PASSWORD"]))
    except httpx2.TransportError:
        return False
    return answer.status_code == 200


def delivered(target: Target) -> set[str]:
    return {request["key"] for request in target.requests}


def keys_of(target: Target) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for request, key in zip(target.requests, target.keys, strict=True):
        found.setdefault(request["key"], set()).add(key)
    return found


def reached(accepted: set[str], goal: int) -> Callable[[], bool]:
    return lambda: len(accepted) >= goal


@pytest.mark.parametrize("seed", [1])
async def test_killed_at_random_under_load_it_delivers_everything_it_answered_200(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    async with system(tmp_path) as (child, target), httpx2.AsyncClient() as client:
        accepted: set[str] = set()

        async def send(i_event: int) -> None:
            if await post(client, child.url, i_event):
                accepted.add(str(i_event))

        for round_ in range(3):
            await child.start()
            load = asyncio.gather(*(send(round_ * 100 + number) for number in range(100)))
            await until(reached(accepted, len(accepted) + chance.randrange(1, 90)), "nothing was taken")
            await child.kill()
            await load
        await child.start()
        await until(lambda: accepted <= delivered(target), f"lost: {accepted - delivered(target)}")
        assert len(accepted) > 10
        assert all(len(keys) == 1 for keys in keys_of(target).values()), "a repeat must carry the same idempotency key"
        assert await child.terminate() == 0


async def test_killed_between_commit_and_enqueue_it_delivers_after_the_restart_and_knows_the_repeat(
    tmp_path: Path,
) -> None:
    async with system(tmp_path) as (child, target), httpx2.AsyncClient() as client:
        await child.start("committed", "1")
        assert not await post(client, child.url, 1)
        assert await child.died() == -signal.SIGKILL
        assert target.requests == []
        await child.start()
        await until(lambda: delivered(target) == {"1"}, "the event that was committed was lost")
        assert await post(client, child.url, 1)  # ESPF, which saw no answer, repeats
        assert await post(client, child.url, 2)
        await until(lambda: "2" in delivered(target), "the next event was lost")
        assert Counter(request["key"] for request in target.requests) == {"1": 1, "2": 1}


async def test_killed_between_the_targets_answer_and_our_commit_it_repeats_once_under_the_same_key(
    tmp_path: Path,
) -> None:
    async with system(tmp_path) as (child, target), httpx2.AsyncClient() as client:
        await child.start("answered", "1")
        await post(client, child.url, 1)
        assert await child.died() == -signal.SIGKILL
        await child.start()
        await until(lambda: len(target.requests) == 2, "its outcome was unknown, so it must be sent again")
        assert len(set(target.keys)) == 1
        assert await child.terminate() == 0


async def test_a_processed_answer_that_was_killed_is_attempted_again_when_its_sender_repeats(tmp_path: Path) -> None:
    async with system(tmp_path) as (child, target), httpx2.AsyncClient() as client:
        envelope = {"event_id": "e1", "data": {"event_type": "SIM/Updated", "variables": {"i_event": 5}}}
        token = {"authorization": f"Bearer {SECRETS['API_TOKEN']}"}
        await child.start("answered", "1")
        with pytest.raises(httpx2.TransportError):
            await client.post(f"{child.url}/process-event", json=envelope, headers=token)
        await child.died()
        await child.start()

        async def repeated() -> bool:
            answer = await client.post(f"{child.url}/process-event", json=envelope, headers=token)
            assert answer.status_code in (202, 503)
            return answer.status_code == 202

        await until(repeated, "the repeat was never processed")
        assert len(target.requests) == 2
        assert len(set(target.keys)) == 1


async def test_sigterm_finishes_what_is_in_flight_and_ends_with_0(tmp_path: Path) -> None:
    async with system(tmp_path) as (child, target), httpx2.AsyncClient() as client:
        await child.start()
        target.answers = ["hang"]
        assert await post(client, child.url, 1)
        await target.came.wait()
        stopping = asyncio.create_task(child.terminate())
        await until(lambda: "finishing what is in flight" in child.log, "it did not say what it waits for")
        assert not stopping.done()
        target.let_go.set()
        assert await stopping == 0
        await child.start()
        assert await post(client, child.url, 2)
        await until(lambda: "2" in delivered(target), "the next event was lost")
        assert len(target.requests) == 2, "what was finished before the stop is not sent again"
