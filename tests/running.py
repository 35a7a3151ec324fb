"""A whole process in this process: `nsps run` over a project in a temporary folder, beside the target it sends to."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from engine.loading.load import open_project
from engine.log import set_up_log
from engine.masking import Masker
from engine.process import Process
from engine.run import process
from engine.storage.protocol import EventRow
from tests.target import CONNECTOR, NSPS, PIPELINE, SECRETS, Target, target_running, write_project


@dataclass
class Whole:
    """A running project, how to post to it, and what its target saw."""

    url: str
    parts: Process
    target: Target
    client: httpx2.AsyncClient
    environ: dict[str, str]

    async def espf(self, i_event: int, **variables: Any) -> httpx2.Response:
        event = {"event_type": "SIM/Updated", "variables": {"i_event": i_event, "i_account": i_event, **variables}}
        return await self.client.post(f"{self.url}/espf", json=event, auth=("espf", SECRETS["ESPF_PASSWORD"]))

    async def envelope(self, event_id: Any = "e1", pb_data: Any = None, **variables: Any) -> httpx2.Response:
        data = {"event_type": "SIM/Updated", "variables": {"i_event": 1, "i_account": 5, **variables}}
        return await self.nsps({"event_id": event_id, "data": data, "pb_data": pb_data})

    async def nsps(self, body: Any, token: str = SECRETS["API_TOKEN"]) -> httpx2.Response:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return await self.client.post(f"{self.url}/process-event", json=body, headers=headers, timeout=20)

    async def event(self, found_by: str) -> EventRow:
        found = await self.parts.store.event(found_by)
        assert found is not None
        return found

    async def states(self, found_by: str) -> list[str]:
        return [one.state for one in (await self.event(found_by)).deliveries]

    async def settled(self, found_by: str, state: str) -> None:
        """Returns when all its deliveries are in this state."""

        async def reached() -> bool:
            states = await self.states(found_by)
            return bool(states) and set(states) == {state}

        await until(reached)


async def until(holds: Callable[[], Any], within_s: float = 15) -> None:
    """Returns when it holds; fails when that takes too long."""
    async with asyncio.timeout(within_s):
        while not (await held if asyncio.iscoroutine(held := holds()) else held):
            await asyncio.sleep(0.01)


class Late(io.StringIO):
    """Whatever standard error is when a line is written: pytest changes it under us."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)


@asynccontextmanager
async def whole(
    folder: Path, nsps: str = NSPS, pipeline: str = PIPELINE, connector: str = CONNECTOR, **environ: str
) -> AsyncIterator[Whole]:
    """The project, running; its target too. A project that is in `folder` already runs again."""
    if not (folder / "nsps.yaml").exists():
        write_project(folder, nsps, pipeline, connector)
    async with target_running() as (target, target_url), httpx2.AsyncClient() as client:
        environ = {**SECRETS, "TARGET_URL": target_url, **environ}
        catalog = open_project(folder, environ)
        masker = Masker(catalog.secrets)
        set_up_log(masker, "json", stream=Late())
        async with process(catalog, masker, "127.0.0.1", 0) as (url, parts):
            yield Whole(url=url, parts=parts, target=target, client=client, environ=environ)
