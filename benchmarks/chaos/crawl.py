"""A proxy before the target that hands everything on, until it is told to answer with a head that never ends."""

from __future__ import annotations

import asyncio
from contextlib import suppress

HEAD = b"HTTP/1.1 200 OK\r\n" + b"x-more: and more\r\n" * 100


class Crawl:
    """`slow`: a byte of the head each second."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._slow = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> str:
        """Its address."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def slow(self, on: bool) -> None:
        """From now on; connections that are open are cut."""
        self._slow = on
        for writer in self._writers:
            writer.close()

    def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        self.slow(False)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            with suppress(OSError, asyncio.CancelledError):  # cancelled when the scenario ends
                await (self._drip(reader, writer) if self._slow else self._through(reader, writer))
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _drip(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for number in range(len(HEAD)):
            writer.write(HEAD[number : number + 1])
            await writer.drain()
            await asyncio.sleep(1)

    async def _through(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, onward = await asyncio.open_connection("127.0.0.1", self._target_port)
        tasks = [asyncio.ensure_future(_pump(reader, onward)), asyncio.ensure_future(_pump(there, writer))]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        onward.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        sink.write(data)
        await sink.drain()
