"""One connection of a sender, bounded before anybody is asked: uvicorn bounds neither size nor time of headers.

Nothing about the sender is known yet, so this must cost no more than a little memory and a file descriptor for a while.
"""

from __future__ import annotations

import asyncio
from typing import Any

import httptools
import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from engine.corking import Corked
from engine.receiving.reading import WHOLE
from engine.receiving.telling import Telling

MOST_HEAD_BYTES = 64 * 1024
MOST_FRAMING = 16  # bytes of chunk sizes, extensions and trailers for each of the body
HEAD_WITHIN_S = 15.0
LONGEST_PATH = 200

# 503 to whatever cannot be read: ESPF drops for good what is answered 4xx, and nobody could keep an event that is not whole.
_AGAIN = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: %d\r\nretry-after: 60\r\n"
    b"connection: close\r\n\r\n%s"
)
_TOO_LARGE = f"the request line and headers, or what frames the body, are larger than {MOST_HEAD_BYTES // 1024} KiB"
_NO_HTTP = "what came is no HTTP; does its sender use https:// where http:// is served?"

# What asks for another protocol (RFC 9110 §7.8, RFC 7540 §3.2.1). Connections stay open by default in HTTP/1.1.
_UPGRADING = frozenset({b"connection", b"upgrade", b"http2-settings"})


class _HeadTooLarge(Exception):
    """Leaves a callback of the parser, which wraps it."""


class Connection(HttpToolsProtocol):
    """Closes when a request's head does not come within 15 s, and answers 503 to one above 64 KiB or that is no HTTP."""

    head_within_s = HEAD_WITHIN_S
    url = b""
    _begun = 0  # requests on this connection so far
    _in_request = False
    _in_head = True
    _received = _body = 0  # bytes of the present request
    _coming = 0  # bytes of what is being parsed
    _at_most = 0  # of the present request no more bytes than this have come
    _waiting: asyncio.TimerHandle | None = None
    _idle_since_s: float | None = None

    def __init__(self, *args: Any, telling: Telling, **more: Any) -> None:
        super().__init__(*args, **more)
        self._telling = telling

    def connection_made(self, transport: Any) -> None:
        super().connection_made(Corked(transport, self.loop))  # type: ignore[arg-type]
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        begun = self._begun + (not self._in_request)
        self._coming = len(data)
        self._at_most += self._coming
        self._feed(data)
        if not self._in_request or self.transport.is_closing():
            return
        if self._begun <= begun:  # else it came with the end of the one before, and is mostly not its own
            self._received += len(data)
        most = MOST_HEAD_BYTES if self._in_head else 2 * MOST_HEAD_BYTES + MOST_FRAMING * self._body
        if self._received - self._body > most:
            self._refuse(_TOO_LARGE)
        elif self._in_head and self._waiting is None:
            self._wait_for_head()

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._feed_again(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            self._refuse(_why(error, begun=self._in_request and bool(self.url)))

    def _feed_again(self, rest: bytes) -> None:
        """The same request as if it had not asked for another protocol: a server may ignore that (RFC 9110 §7.8), but the
        parser would take its body for that protocol's, and the event would be lost. Java's client asks for h2c at first."""
        method = self.parser.get_method()
        if method == b"CONNECT":
            return self._refuse("CONNECT is for proxies")
        head = b"%s %s HTTP/1.1\r\n" % (method, self.url)
        head += b"".join(b"%s: %s\r\n" % pair for pair in self.headers if pair[0] not in _UPGRADING)
        self.parser = httptools.HttpRequestParser(self)
        again = head + b"\r\n" + rest
        self._coming = len(again)
        self._feed(again)

    def _refuse(self, why: str) -> None:
        sender = self.client[0] if self.client else ""
        path = self.url.partition(b"?")[0][:LONGEST_PATH].decode("latin-1") if self._in_request else ""
        self._telling.tell(why, "a request could not be read; it was answered 503", why=why, sender=sender, path=path)
        body = orjson.dumps({"error": why})
        self.transport.write(_AGAIN % (len(body), body))
        self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._begun += 1
        self._in_request = self._in_head = True
        self._idle_since_s = None
        self._received = self._body = 0
        self._at_most = self._coming

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # nobody reads trailers
            super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        self._body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        self._in_request = False
        # Seen by the app when all came at once: it begins a turn of the loop later.
        self.scope["extensions"] = {WHOLE: {}}
        super().on_message_complete()

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        if self._at_most > MOST_HEAD_BYTES and self._head_bytes() > MOST_HEAD_BYTES:
            raise _HeadTooLarge
        self._in_head = False
        self._stop_waiting()
        super().on_headers_complete()

    def _head_bytes(self) -> int:
        line = len(self.parser.get_method()) + len(self.url) + len("  HTTP/1.1\r\n")
        return line + sum(len(name) + len(value) + len(": \r\n") for name, value in self.headers) + len("\r\n")

    def on_response_complete(self) -> None:
        """As uvicorn's, with one timer for many requests: where the next one comes at once, one for each is dear."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._waiting is None:  # else the next one's head comes already, within its own bound
            self._idle_since_s = self.loop.time()
            if self.timeout_keep_alive_task is None:
                self._look_again_in(self.timeout_keep_alive)

    def timeout_keep_alive_handler(self) -> None:
        self.timeout_keep_alive_task = None
        if self._idle_since_s is None:
            return  # a request is inside; the next timer is set with its answer
        left_s = self._idle_since_s + self.timeout_keep_alive - self.loop.time()
        if left_s > 0:
            self._look_again_in(left_s)
        else:
            super().timeout_keep_alive_handler()

    def _look_again_in(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._unset_keepalive_if_required()
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


def _why(error: Exception, begun: bool) -> str:
    if isinstance(error.__context__, _HeadTooLarge):
        return _TOO_LARGE
    if isinstance(error, httptools.HttpParserCallbackError):
        return "its path cannot be read"
    return f"it is no HTTP request: {error}" if begun else _NO_HTTP
