"""A request's body, read within bounds: of bytes, and of time.

A sender that drips is told 503 (ESPF then tries again, domain.md 1.4), one whose body is too large 413. What is too large is
read on for a while and dropped, because a connection closed on unread data can lose the answer on its way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import field
from typing import Any

from engine.errors import EventRefused
from engine.value import value

BODY_WITHIN_S = 10.0
DROPPED_AT_MOST = 16  # times the limit
KEPT_OF_TOO_LARGE_BYTES = 4096

# An extension of ASGI, set by `Connection` in the scope of a request that came whole, as nearly every event does.
WHOLE = "nsps.whole"

Receive = Callable[[], Awaitable[Mapping[str, Any]]]


class BodyTooSlow(Exception):
    """The body did not come in time; time may cure it."""


class SenderGone(Exception):
    """The sender hung up before its body was whole: there is nobody to answer."""


class BodyTooLarge(EventRefused):
    """413; `beginning` is what is kept for inspection."""

    def __init__(self, limit_bytes: int, beginning: bytes) -> None:
        self.beginning = beginning
        super().__init__(413, f"the body is larger than {limit_bytes} bytes")


@value
class Posted:
    """What a sender posted, as far as a receiver looks at it. Header names are lower-case bytes, as ASGI gives them."""

    path: str
    method: str
    headers: tuple[tuple[bytes, bytes], ...] = field(repr=False)
    sender: str
    body: bytes = field(default=b"", repr=False)


def posted(scope: Mapping[str, Any], body: bytes = b"") -> Posted:
    """The request of this ASGI scope."""
    client = scope.get("client")
    return Posted(
        path=scope["path"],
        method=scope["method"],
        headers=tuple(scope["headers"]),
        sender=client[0] if client else "",
        body=body,
    )


async def read_body(
    scope: Mapping[str, Any], receive: Receive, limit_bytes: int, within_s: float = BODY_WITHIN_S
) -> bytes:
    """The whole body. Raises BodyTooLarge, BodyTooSlow or SenderGone."""
    if WHOLE in scope.get("extensions", ()):  # nothing is waited for, and a timer costs a tenth of all that a post does
        return await _read(receive, limit_bytes)
    try:
        async with asyncio.timeout(within_s):
            return await _read(receive, limit_bytes)
    except TimeoutError as error:
        raise BodyTooSlow(f"the body was not whole after {within_s:g} s") from error


async def _read(receive: Receive, limit_bytes: int) -> bytes:
    message = await receive()
    if not message.get("more_body") and message["type"] == "http.request":
        return _within(message.get("body", b""), limit_bytes)
    parts, size = [], 0
    while True:
        if message["type"] == "http.disconnect":
            raise SenderGone
        part = message.get("body", b"")
        size += len(part)
        if size <= limit_bytes:
            parts.append(part)
        if not message.get("more_body") or size > DROPPED_AT_MOST * limit_bytes:
            break
        message = await receive()
    if size > limit_bytes:
        raise BodyTooLarge(limit_bytes, b"".join(parts)[:KEPT_OF_TOO_LARGE_BYTES])
    return b"".join(parts)


def _within(body: bytes, limit_bytes: int) -> bytes:
    if len(body) > limit_bytes:
        raise BodyTooLarge(limit_bytes, body[:KEPT_OF_TOO_LARGE_BYTES])
    return body
