"""A body as it is read: by the timer, or at once when the server has it already."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from engine.receiving.reading import WHOLE, BodyTooLarge, BodyTooSlow, SenderGone, read_body
from engine.serving import listen, serving

WHOLE_SCOPE: Mapping[str, Any] = {"extensions": {WHOLE: {}}}


def coming(*messages: Mapping[str, Any]) -> Any:
    """A `receive` that gives these, then nothing more."""
    rest = list(messages)

    async def receive() -> Mapping[str, Any]:
        if not rest:
            await asyncio.Event().wait()
        return rest.pop(0)

    return receive


def part(body: bytes, more: bool = False) -> Mapping[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


@pytest.mark.parametrize("scope", [{}, WHOLE_SCOPE])
async def test_a_body_is_read_within_its_bound_however_it_comes(scope: Mapping[str, Any]) -> None:
    assert await read_body(scope, coming(part(b"12345")), 5) == b"12345"
    with pytest.raises(BodyTooLarge):
        await read_body(scope, coming(part(b"123456")), 5)
    with pytest.raises(SenderGone):
        await read_body(scope, coming({"type": "http.disconnect"}), 5)


async def test_a_body_that_is_not_whole_in_time_is_too_slow() -> None:
    with pytest.raises(BodyTooSlow):
        await read_body({}, coming(part(b"1", more=True)), 5, within_s=0.05)


async def test_only_a_request_that_came_whole_is_said_to_be() -> None:
    said: list[bool] = []

    async def app(scope: Mapping[str, Any], receive: Any, send: Any) -> None:
        said.append(WHOLE in scope.get("extensions", ()))
        assert await read_body(scope, receive, 5) == b"12345"
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    listening = listen("127.0.0.1", 0)
    async with serving(app, listening, 1), asyncio.timeout(20):
        reader, writer = await asyncio.open_connection(*listening.getsockname())
        for pieces in ((b"12345",), (b"12", b"345")):
            writer.write(b"POST / HTTP/1.1\r\ncontent-length: 5\r\n\r\n" + pieces[0])
            for piece in pieces[1:]:
                while len(said) < 2:
                    await asyncio.sleep(0.01)
                writer.write(piece)
            assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
        writer.close()
    assert said == [True, False]
