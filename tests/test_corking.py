"""What is written in one turn of the loop leaves together; nothing waits longer, and nothing is lost at the end."""

from __future__ import annotations

import asyncio
from typing import Any

from engine.corking import Corked
from engine.serving import listen, serving


class Written:
    """A transport that remembers."""

    def __init__(self) -> None:
        self.came: list[bytes | str] = []

    def write(self, data: bytes) -> None:
        self.came.append(data)

    def close(self) -> None:
        self.came.append("closed")

    def is_closing(self) -> bool:
        return "closed" in self.came

    def pause_reading(self) -> None:
        self.came.append("paused")


def corked() -> tuple[Corked, Written]:
    written = Written()
    return Corked(written, asyncio.get_running_loop()), written  # type: ignore[arg-type]


async def test_a_head_and_its_body_are_one_write() -> None:
    transport, written = corked()
    transport.write(b"head ")
    transport.write(b"body")
    assert written.came == [b"head body"]
    await asyncio.sleep(0)
    assert written.came == [b"head body"]


async def test_what_nothing_follows_leaves_at_the_end_of_the_turn() -> None:
    transport, written = corked()
    transport.write(b"100 Continue")
    assert written.came == []
    await asyncio.sleep(0)
    assert written.came == [b"100 Continue"]


async def test_closing_writes_what_is_held_and_the_rest_is_the_transports() -> None:
    transport, written = corked()
    transport.pause_reading()
    transport.write(b"400")
    assert not transport.is_closing()
    transport.close()
    assert written.came == ["paused", b"400", "closed"]
    assert transport.is_closing()


async def test_a_body_in_many_pieces_and_one_that_is_left_out_arrive() -> None:
    async def app(scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"300000")]})
        for _ in range(3):
            await send({"type": "http.response.body", "body": b"x" * 100_000, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    listening = listen("127.0.0.1", 0)
    async with serving(app, listening, 1), asyncio.timeout(20):
        reader, writer = await asyncio.open_connection(*listening.getsockname())
        writer.write(b"HEAD / HTTP/1.1\r\n\r\n")
        assert b"300000" in await reader.readuntil(b"\r\n\r\n")
        writer.write(b"GET / HTTP/1.1\r\nexpect: 100-continue\r\n\r\n")
        assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(300_000) == b"x" * 300_000
        writer.close()
