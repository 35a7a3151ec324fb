"""An ESPF that posts as fast as it is answered, or at a steady rate, over kept connections."""

from __future__ import annotations

import asyncio
import base64
import time
from dataclasses import dataclass, field
from typing import cast

import httptools

AUTHORIZATION = base64.b64encode(b"espf:bench")


@dataclass
class Posted:
    """What a run saw: seconds it took, how each post was answered, how long each took."""

    took_s: float = 0.0
    statuses: dict[int, int] = field(default_factory=dict)
    waits_s: list[float] = field(default_factory=list)

    @property
    def per_s(self) -> float:
        return len(self.waits_s) / self.took_s


class Connection(asyncio.Protocol):
    """One kept connection; `post` returns the status."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.answer: asyncio.Future[int] | None = None

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        if self.answer and not self.answer.done():
            self.answer.set_result(self.parser.get_status_code())

    async def post(self, path: bytes, body: bytes) -> int:
        self.parser = httptools.HttpResponseParser(self)
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(
            b"POST %b HTTP/1.1\r\nhost: bench\r\nauthorization: Basic %b\r\ncontent-type: application/json\r\n"
            b"content-length: %d\r\n\r\n%b" % (path, AUTHORIZATION, len(body), body)
        )
        return await self.answer


def event_body(i_event: int, accounts: int = 1_000_000) -> bytes:
    """One SIM/Updated webhook of a subscriber of its own."""
    return (
        b'{"event_type":"SIM/Updated","variables":{"i_env":1,"i_event":%d,"i_account":%d,"event_time":"2025-05-01 12:00:00"}}'
        % (i_event, 1 + i_event % accounts)
    )


async def connect(port: int) -> Connection:
    _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port)
    return connection


async def flood(port: int, path: bytes, count: int, first: int, in_flight: int = 32) -> Posted:
    """Posts `count` events, `in_flight` at once, each as soon as the one before it was answered."""
    posted, numbers = Posted(), iter(range(first, first + count))

    async def one() -> None:
        connection = await connect(port)
        for number in numbers:
            await _post(connection, path, number, posted)

    started = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(in_flight)))
    posted.took_s = time.perf_counter() - started
    return posted


async def trickle(port: int, path: bytes, count: int, first: int, per_s: float) -> Posted:
    """Posts `count` events at a steady rate."""
    posted, connection = Posted(), await connect(port)
    started = time.perf_counter()
    for i in range(count):
        await asyncio.sleep(max(0.0, started + i / per_s - time.perf_counter()))
        await _post(connection, path, first + i, posted)
    posted.took_s = time.perf_counter() - started
    return posted


async def _post(connection: Connection, path: bytes, number: int, posted: Posted) -> None:
    before = time.perf_counter()
    status = await connection.post(path, event_body(number))
    posted.waits_s.append(time.perf_counter() - before)
    posted.statuses[status] = posted.statuses.get(status, 0) + 1
