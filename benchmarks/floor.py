"""The least that the three calls of an event can cost: a bare loop over the same HTTP client, and nothing else."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

from pyreqwest.client import Client, ClientBuilder

PATHS = ("/Account/get_account_info", "/SIMCard/get_card_info", "/prov")
BODY = b'{"params":{"i_account":277147}}'
TIMEOUT = timedelta(seconds=30)


async def floor(port: int, count: int, in_flight: int = 32) -> float:
    """CPU of this process for each event's three calls, in us."""
    async with ClientBuilder().http1_only().build() as client:
        await _events(client, port, in_flight * 4, in_flight)
        before_s = time.process_time()
        await _events(client, port, count, in_flight)
        return (time.process_time() - before_s) / count * 1e6


async def _events(client: Client, port: int, count: int, in_flight: int) -> None:
    numbers = iter(range(count))

    async def one() -> None:
        for _ in numbers:
            for path in PATHS:
                await _call(client, f"http://127.0.0.1:{port}{path}")

    await asyncio.gather(*(one() for _ in range(in_flight)))


async def _call(client: Client, url: str) -> bytes:
    building = client.post(url).header("content-type", "application/json").body_bytes(BODY)
    response = await building.timeout(TIMEOUT).build().send()
    return bytes(await response.bytes())
