"""One connection: one request at a time goes out in one write, and llhttp reads what comes back (RFC 9112)."""

from __future__ import annotations

import asyncio
import ssl
from typing import Literal, Protocol, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from engine.request import Fault
from engine.transports.http_answer import KEPT_OF_TOO_LARGE, Answer, headers_from, too_large
from engine.transports.http_faults import refused_in_handshake, why_lost
from engine.transports.http_route import Route

MOST_HEAD_BYTES = 64 * 1024
MOST_HEADERS = 100
_EARLY_S = 0.002  # what a timer may be early: uvloop's clock has milliseconds
MOST_FRAMING = 16  # bytes of chunk sizes, extensions and trailers for each of the body

# What follows the head of an answer: as its headers say; nothing, the request was HEAD; another protocol, if it is a 2xx.
Follows = Literal["body", "nothing", "tunnel"]


class Keeper(Protocol):
    """Who holds the connections that are open."""

    def take_back(self, connection: HttpConnection, /) -> None:
        """The connection is free for another request."""

    def forget(self, connection: HttpConnection, /) -> None:
        """The connection has ended."""


class HttpConnection(asyncio.Protocol):
    """A connection to the server of `route`, or to the proxy that leads there.

    Whatever is not as it should be ends it. So does a call that is given up, or whose time is over: what its answer
    would be taken for is unknown. `closed`: it takes no more requests.
    """

    transport: asyncio.Transport

    def __init__(self, loop: asyncio.AbstractEventLoop, route: Route, keeper: Keeper) -> None:
        self.route = route
        self.closed = False
        self.idle_since_s = 0.0
        self._there = False
        self._due_s = 0.0  # when the answer must be whole
        self._timer: asyncio.TimerHandle | None = None
        self._loop = loop
        self._keeper = keeper
        self._asked = 0
        self._answering: asyncio.Future[Answer] | None = None
        self._parser: HttpResponseParser | None = HttpResponseParser(self)
        # As most clients do (RFC 9112 §2.2); nothing is read into an answer that way, each is one of one request.
        self._parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True)

    # --- one exchange -------------------------------------------------------------------------------------------------

    def ask(
        self, request: bytes, limit: int, within_s: float, deadline_s: float, follows: Follows = "body", /
    ) -> asyncio.Future[Answer]:
        """The answer to come; it always does, within `within_s`, what is left of `deadline_s`. Raises nothing.

        `limit` bounds its body. Only while no other answer is awaited.
        """
        self._asked += 1
        self._limit, self._follows, self._within_s = limit, follows, deadline_s
        self._status = self._size = self._received = 0
        self._complete = self._lasting = False
        self._fault: Fault | None = None
        self._detail = ""
        self._lines: list[tuple[bytes, bytes]] = []
        self._headers: dict[str, str] = {}
        self._pieces: list[bytes] = []
        self._odd: bytes | None = None
        self._answering = answering = self._loop.create_future()
        self._due_s = due_s = self._loop.time() + within_s
        if self._timer is None or self._timer.when() > due_s:
            self._watch(due_s)
        self.transport.write(request)
        return answering

    def give_up(self, answering: asyncio.Future[Answer], /) -> None:
        """Nobody waits for this answer any more."""
        if self._answering is answering:
            self._end("lost", "nobody waits for it any more")

    def stop(self) -> None:
        """Ends it, and a call under way as `lost`."""
        if self._answering is None:
            self.close()
        else:
            self._end("lost", "this process was stopping while it waited for the answer")

    def close(self) -> None:
        """Ends it in order: TLS says goodbye (RFC 9112 §9.8)."""
        self.closed = True
        if self._there:
            self.transport.close()

    def abort(self) -> None:
        """Ends it at once, whatever is on its way."""
        self.closed = True
        if self._there:
            self.transport.abort()

    def _watch(self, when_s: float) -> None:
        """One timer serves many calls, which hardly ever need it: when it fires, it looks whose time is over."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(when_s, self._look_at_the_time)

    def _look_at_the_time(self) -> None:
        self._timer = None
        if self._answering is None:
            return
        if self._loop.time() < self._due_s - _EARLY_S:
            self._watch(self._due_s)
        else:
            self._too_late()

    def _too_late(self) -> None:
        where, within_s = self.route.where, self._within_s
        if self._received:
            self._end("timeout", f"the answer of {where} began but was not complete within {within_s:g} s")
        else:
            self._end("timeout", f"no answer from {where} within {within_s:g} s")

    def _end(self, fault: Fault | None, detail: str) -> None:
        """The exchange ends here, and the connection with it."""
        self._fault, self._detail, self._lasting = fault, detail, False
        self._answered()

    def _answered(self) -> None:
        answering, self._answering = self._answering, None
        pieces = self._pieces
        content = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        answer = Answer(self._status or None, self._headers, content, self._fault, self._detail)
        if answering is None or answering.done():  # given up
            self.abort()
            return
        answering.set_result(answer)
        if self._follows == "tunnel" and not self._fault:
            return
        if not self._lasting:
            self.abort() if self._fault or self._unsent() else self.close()
        elif self._unsent():  # it answered before it had the whole request: it will not read the rest as one
            self.abort()
        else:
            self._keeper.take_back(self)

    def _unsent(self) -> bool:
        return self.transport.get_write_buffer_size() > 0

    # --- what the loop tells ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there, TLS and all; in a tunnel it may have ended before it is told so."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by class
        self._there = True
        if self.closed:
            self.abort()

    def data_received(self, data: bytes) -> None:
        """Bytes of the answer; where none is awaited they are not to be trusted, and neither is the connection."""
        if self._answering is None or self._parser is None:
            self.abort()
            return
        if not self._received and not data.startswith(b"HTTP/1."):
            self._odd = data.lstrip()[:5]
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            if not self._complete and not self._fault:
                self._unlike_http(error)
            self._lasting = False
        if self._complete or self._fault:
            self._answered()
        else:
            self._received += len(data)
            self._bound()

    def _unlike_http(self, error: Exception) -> None:
        self._fault = "lost"
        if self._headers:
            self._detail = why_lost(error, self.route.where)
        else:
            self._detail = f"what {self.route.where} answered is not HTTP: {error}"

    def _bound(self) -> None:
        """Ends an answer that is larger than may be, or says that it will be."""
        if self._received > MOST_HEAD_BYTES + MOST_FRAMING * self._size:
            self._fault = "unreadable"
            what = "chunks and trailers" if self._status else "headers"
            self._detail = f"the {what} of {self.route.where}'s answer are too large"
            self._answered()
        elif int(self._headers.get("content-length", 0)) > self._limit:
            self._over()
            self._answered()

    def eof_received(self) -> None:
        """The other side has said all: the end of an answer that has no other (RFC 9112 §6.3, 8)."""
        self.closed = True
        if self._answering is None:
            self.abort()
        elif self._ends_with_the_connection() and self._said_goodbye():
            self._answered()
        else:
            self._end("lost", why_lost(None, self.route.where))

    def _ends_with_the_connection(self) -> bool:
        chunked = self._headers.get("transfer-encoding", "").lower().endswith("chunked")
        return bool(self._status) and not chunked and "content-length" not in self._headers

    def _said_goodbye(self) -> bool:
        """Whether TLS, where there is any, was ended by the server itself: else somebody may have cut the answer short."""
        tls = self.transport.get_extra_info("ssl_object")
        try:
            return tls is None or not tls.read(1)
        except ssl.SSLError:
            return False

    def connection_lost(self, error: Exception | None) -> None:
        """It has ended."""
        self.closed = True
        self._there = False  # asyncio's transports do not bear to be closed again
        if self._answering is not None:
            first = self._asked == 1 and not self._received
            refused = first and refused_in_handshake(error)
            self._end("connect" if refused else "lost", self._why_gone(error, refused))
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._parser = None  # it knows this connection: they would keep each other
        self._keeper.forget(self)

    def _why_gone(self, error: Exception | None, refused: bool) -> str:
        if refused and isinstance(error, ssl.SSLError):
            return f"{self.route.where} refused our certificate: {(error.reason or '').replace('_', ' ').lower()}"
        return why_lost(error, self.route.where)

    # --- what the parser tells ----------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """An answer begins; behind the one that was asked for, it is one too many."""
        if self._complete:
            self._lasting = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """A line of the head, or of the trailers, which nobody asked for (RFC 9110 §6.5.1)."""
        self._lines.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is whole."""
        parser = cast(HttpResponseParser, self._parser)
        status = parser.get_status_code()
        if self._complete or 102 <= status < 200 or status == 100:
            return
        self._headers = headers_from(self._lines[:MOST_HEADERS])
        if len(self._lines) > MOST_HEADERS:
            self._fault = "unreadable"
            self._detail = f"the headers of {self.route.where}'s answer are too large"
        elif status == 101:
            self._fault = "lost"
            self._detail = f"{self.route.where} changed to another protocol, which was not asked for"
        elif status < 100 or (self._odd is not None and self._is_other(parser)):
            self._fault, status = "lost", 0
            self._detail = f"what {self.route.where} answered is not HTTP/1.1"
        elif self._headers.get("transfer-encoding", "chunked").lower() not in ("chunked", "identity"):
            self._fault = "unreadable"
            packing = self._headers["transfer-encoding"]
            self._detail = f"the answer of {self.route.where} cannot be unpacked: {packing} was not asked for"
        self._status, self._lines = status, []
        if self._follows != "body":
            self._complete = True  # the parser, which does not know the request, waits for a body

    def _is_other(self, parser: HttpResponseParser) -> bool:
        return not b"HTTP/".startswith(self._odd or b"") or parser.get_http_version() not in ("1.0", "1.1")

    def on_body(self, data: bytes) -> None:
        """A part of the body, its chunks taken off."""
        if self._complete or self._fault:
            self._lasting = False
            return
        self._size += len(data)
        self._pieces.append(data)
        if self._size > self._limit:
            self._over()

    def _over(self) -> None:
        self._fault, self._detail = "unreadable", too_large(self._limit)
        self._pieces = [b"".join(self._pieces)[:KEPT_OF_TOO_LARGE]]

    def on_message_complete(self) -> None:
        """The answer is whole, or an interim one that goes before it (RFC 9110 §15.2)."""
        if not self._status:
            self._lines = []
        elif not self._complete:
            self._complete = True
            self._lasting = cast(HttpResponseParser, self._parser).should_keep_alive()
