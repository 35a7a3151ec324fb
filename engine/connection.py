"""One connection of a sender, bounded before anybody is asked: uvicorn bounds neither size nor time of headers.

Nothing about the sender is known yet, so this must cost no more than a little memory and a file descriptor for a while.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_HEAD_BYTES = 64 * 1024
MOST_FRAMING = 16  # bytes of chunk sizes, extensions and trailers for each of the body
HEAD_WITHIN_S = 15.0

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain\r\ncontent-length: 26\r\n"
    b"connection: close\r\n\r\nThe headers are too large."
)


class Connection(HttpToolsProtocol):
    """Closes when a request's head does not come within 15 s, and answers 431 to one above 64 KiB (RFC 6585 §5)."""

    head_within_s = HEAD_WITHIN_S
    _begun = 0  # requests on this connection so far
    _in_request = False
    _in_head = True
    _received = _body = 0  # bytes of the present request
    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        begun = self._begun + (not self._in_request)
        super().data_received(data)
        if not self._in_request or self.transport.is_closing():
            return
        if self._begun <= begun:  # else it came with the end of the one before, and is mostly not its own
            self._received += len(data)
        if self._received - self._body > MOST_HEAD_BYTES + MOST_FRAMING * self._body:
            self.transport.write(_TOO_LARGE)
            self.transport.close()
        elif self._in_head and self._waiting is None:
            self._wait_for_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._begun += 1
        self._in_request = self._in_head = True
        self._received = self._body = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # nobody reads trailers
            super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        self._body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_request = False
        super().on_message_complete()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._stop_waiting()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait_for_head(self) -> None:
        self._waiting = self.loop.call_later(self.head_within_s, self._give_up)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _give_up(self) -> None:
        self._waiting = None
        self.transport.close()
