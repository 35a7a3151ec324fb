"""Small real servers on loopback: plain, with TLS, behind a proxy; and transports to reach them."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import trustme
import uvloop

from engine.clock import SystemClock
from engine.connector import Connector, Tls
from engine.transport import Transport
from engine.transports import TRANSPORTS

Handle = Callable[["Conversation"], Awaitable[None]]


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Every test here runs on both loops: uvloop is what `nsps` runs on, asyncio's own what other systems have."""
    return {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}


@dataclass
class Conversation:
    """One connection as a handler sees it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    heard: Heard

    async def request(self) -> bytes:
        """Reads one request with its body and notes it; raises IncompleteReadError when the connection ends instead."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        body = await self.reader.readexactly(length)
        self.heard.requests.append(head + body)
        return head + body

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, body: bytes = b"{}", status: str = "200 OK", headers: str = "") -> None:
        await self.say(f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode("latin-1") + body)

    def reset(self) -> None:
        self.writer.transport.abort()


@dataclass
class Heard:
    """What a server heard: connections and whole requests, in order."""

    port: int = 0
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)

    @property
    def last(self) -> str:
        return self.requests[-1].decode("latin-1")


@dataclass
class Servers:
    """Starts servers; all are stopped at the end of the test, whatever they are doing."""

    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    running: list[asyncio.Server] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def start(self, handle: Handle, tls: ssl.SSLContext | None = None) -> Heard:
        heard = Heard()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.connections += 1
            self.writers.append(writer)
            try:
                with suppress(ConnectionError, asyncio.IncompleteReadError):
                    await handle(Conversation(reader, writer, heard))
            finally:
                writer.close()

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.get_running_loop().create_task(serve(reader, writer))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

        server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
        self.running.append(server)
        heard.port = server.sockets[0].getsockname()[1]
        return heard

    async def stop(self) -> None:
        for server in self.running:
            server.close()
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for writer in self.writers:
            with suppress(AttributeError):  # asyncio's, of a transport that closed with something left to write
                writer.transport.abort()
            with suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()


@pytest.fixture
async def servers() -> AsyncIterator[Servers]:
    started = Servers()
    yield started
    await started.stop()


Reach = Callable[..., Transport]


@pytest.fixture(params=sorted(TRANSPORTS))
async def reach(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Reach]:
    """Makes a transport to a server's port; every transport of the table in turn."""
    made: list[Transport] = []

    def to(port: int, scheme: str = "http", **settings: Any) -> Transport:
        connector = Connector(name="target", base_url=f"{scheme}://127.0.0.1:{port}", timeout_s=5.0)
        made.append(TRANSPORTS[request.param](replace(connector, **settings), SystemClock(), tmp_path))
        return made[-1]

    yield to
    for transport in made:
        await transport.close()


@dataclass
class Authority:
    """A certificate authority of the test, and its files."""

    ca: trustme.CA
    folder: Path

    def tls(self, *names: str) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.ca.issue_cert(*names).configure_cert(context)
        return context

    @property
    def trusted(self) -> Tls:
        self.ca.cert_pem.write_to_path(str(self.folder / "ca.pem"))
        return Tls(ca="ca.pem")

    def identity(self) -> Tls:
        issued = self.ca.issue_cert("nsps@example.org")
        issued.private_key_pem.write_to_path(str(self.folder / "key.pem"))
        (self.folder / "cert.pem").write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
        return replace(self.trusted, cert="cert.pem", key="key.pem")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(trustme.CA(), tmp_path)
