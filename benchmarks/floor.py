"""The least that the three calls of an event can cost: a bare loop over llhttp on the loop, and nothing else."""

from __future__ import annotations

import asyncio
import time
from typing import cast

from httptools import HttpResponseParser

PATHS = ("/Account/get_account_info", "/SIMCard/get_card_info", "/prov")
BODY = b'{"params":{"i_account":277147}}'


class Bare(asyncio.Protocol):
    """One connection that trusts its server: an answer is its body, and it always comes."""

    def __init__(self) -> None:
        self._parser = HttpResponseParser(self)
        self._pieces: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by class

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def ask(self, path: str, body: bytes) -> asyncio.Future[bytes]:
        """The body of the answer to come."""
        head = (
            f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.transport.write(head.encode() + body)
        return self._answer

    def on_body(self, data: bytes) -> None:
        self._pieces.append(data)

    def on_message_complete(self) -> None:
        self._answer.set_result(b"".join(self._pieces))
        self._pieces.clear()


async def bare(port: int) -> Bare:
    """A connection to a server here."""
    return (await asyncio.get_running_loop().create_connection(Bare, "127.0.0.1", port))[1]


async def floor(port: int, count: int, in_flight: int = 32) -> float:
    """CPU of this process for each event's three calls, in us."""
    connections = [await bare(port) for _ in range(in_flight)]
    await _events(connections, in_flight * 4)
    before_s = time.process_time()
    await _events(connections, count)
    spent_s = time.process_time() - before_s
    for connection in connections:
        connection.transport.close()
    return spent_s / count * 1e6


async def _events(connections: list[Bare], count: int) -> None:
    numbers = iter(range(count))

    async def one(connection: Bare) -> None:
        for _ in numbers:
            for path in PATHS:
                await connection.ask(path, BODY)

    await asyncio.gather(*(one(connection) for connection in connections))
