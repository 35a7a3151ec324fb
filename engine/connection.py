"""One connection of a sender, bounded before anybody is asked: uvicorn bounds neither size nor time of headers.

Nothing about the sender is known yet, so this must cost no more than a little memory and a file descriptor for a while.
"""

from __future__ import annotations

import asyncio
from typing import Any

import httptools
import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from engine.corking import Corked
from engine.receiving.reading import WHOLE

MOST_HEAD_BYTES = 64 * 1024
MOST_FRAMING = 16  # bytes of chunk sizes, extensions and trailers for each of the body
HEAD_WITHIN_S = 15.0

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain\r\ncontent-length: 26\r\n"
    b"connection: close\r\n\r\nThe headers are too large."
)


# What asks for another protocol (RFC 9110 §7.8, RFC 7540 §3.2.1). Connections stay open by default in HTTP/1.1.
_UPGRADING = frozenset({b"connection", b"upgrade", b"http2-settings"})
TELL_EVERY_S = 60.0

log = structlog.get_logger("nsps.receive")


class _Nonsense:
    """What is no HTTP, told once a minute: it may be TLS sent to a plain port, and must not fill a disk with log lines."""

    told_at = -TELL_EVERY_S
    times = 0


_nonsense = _Nonsense()


def tell_of_nonsense(client: tuple[str, int] | None) -> None:
    """Warns that something which is no HTTP came, with how often since the last time."""
    _nonsense.times += 1
    now_s = asyncio.get_running_loop().time()
    if now_s - _nonsense.told_at < TELL_EVERY_S:
        return
    times, _nonsense.times, _nonsense.told_at = _nonsense.times, 0, now_s
    why = "what came is no HTTP; does its sender use https:// where http:// is served?"
    log.warning("a request could not be read", why=why, sender=client[0] if client else "", times=times)


class Connection(HttpToolsProtocol):
    """Closes when a request's head does not come within 15 s, and answers 431 to one above 64 KiB (RFC 6585 §5)."""

    head_within_s = HEAD_WITHIN_S
    _begun = 0  # requests on this connection so far
    _in_request = False
    _in_head = True
    _received = _body = 0  # bytes of the present request
    _waiting: asyncio.TimerHandle | None = None
    _idle_since_s: float | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(Corked(transport, self.loop))  # type: ignore[arg-type]
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        begun = self._begun + (not self._in_request)
        self._feed(data)
        if not self._in_request or self.transport.is_closing():
            return
        if self._begun <= begun:  # else it came with the end of the one before, and is mostly not its own
            self._received += len(data)
        if self._received - self._body > MOST_HEAD_BYTES + MOST_FRAMING * self._body:
            self.transport.write(_TOO_LARGE)
            self.transport.close()
        elif self._in_head and self._waiting is None:
            self._wait_for_head()

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._feed_again(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._refuse()

    def _feed_again(self, rest: bytes) -> None:
        """The same request as if it had not asked for another protocol: a server may ignore that (RFC 9110 §7.8), but the
        parser would take its body for that protocol's, and the event would be lost. Java's client asks for h2c at first."""
        method = self.parser.get_method()
        if method == b"CONNECT":
            return self._refuse()
        head = b"%s %s HTTP/1.1\r\n" % (method, self.url)
        head += b"".join(b"%s: %s\r\n" % pair for pair in self.headers if pair[0] not in _UPGRADING)
        self.parser = httptools.HttpRequestParser(self)
        self._feed(head + b"\r\n" + rest)

    def _refuse(self) -> None:
        tell_of_nonsense(self.client)
        self.send_400_response("Invalid HTTP request received.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._begun += 1
        self._in_request = self._in_head = True
        self._idle_since_s = None
        self._received = self._body = 0

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
        self._in_head = False
        self._stop_waiting()
        super().on_headers_complete()

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
