"""One connection: one request at a time goes out in one write, and llhttp reads what comes back (RFC 9112)."""

from __future__ import annotations

import asyncio
import ssl
from typing import Protocol, cast

from engine.request import Fault
from engine.transports.http_answer import Answer
from engine.transports.http_faults import refused_in_handshake, why_lost
from engine.transports.http_reader import AnswerReader, Follows
from engine.transports.http_route import Route

_EARLY_S = 0.002  # what a timer may be early: uvloop's clock has milliseconds


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
        self._reader = AnswerReader(route.where)

    # --- one exchange -------------------------------------------------------------------------------------------------

    def ask(
        self, request: bytes, limit: int, within_s: float, deadline_s: float, follows: Follows = "body", /
    ) -> asyncio.Future[Answer]:
        """The answer to come; it always does, within `within_s`, what is left of `deadline_s`. Raises nothing.

        `limit` bounds its body. Only while no other answer is awaited.
        """
        self._asked += 1
        self._follows, self._within_s = follows, deadline_s
        self._reader.begin(limit, follows)
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
        if self._reader.received:
            self._end("timeout", f"the answer of {where} began but was not complete within {within_s:g} s")
        else:
            self._end("timeout", f"no answer from {where} within {within_s:g} s")

    def _end(self, fault: Fault, detail: str) -> None:
        """The exchange ends here, and the connection with it."""
        self._reader.fail(fault, detail)
        self._answered()

    def _answered(self) -> None:
        answering, self._answering = self._answering, None
        if answering is None or answering.done():  # given up
            self.abort()
            return
        reader = self._reader
        answer = reader.answer()
        answering.set_result(answer)
        if self._follows == "tunnel" and not answer.fault:
            return
        # One that answered before it had the whole request will not take the rest for one.
        if answer.fault or self.transport.get_write_buffer_size():
            self.abort()
        elif reader.lasting:
            self._keeper.take_back(self)
        else:
            self.close()

    # --- what the loop tells ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there, TLS and all; in a tunnel it may have ended before it is told so."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by class
        self._there = True
        if self.closed:
            self.abort()

    def data_received(self, data: bytes) -> None:
        """Bytes of the answer; where none is awaited they are not to be trusted, and neither is the connection."""
        if self._answering is None:
            self.abort()
        elif self._reader.feed(data):
            self._answered()

    def eof_received(self) -> None:
        """The other side has said all: the end of an answer that has no other (RFC 9112 §6.3, 8)."""
        self.closed = True
        if self._answering is None:
            self.abort()
        elif self._reader.ends_with_the_connection() and self._said_goodbye():
            self._answered()
        else:
            self._end("lost", why_lost(None, self.route.where))

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
            first = self._asked == 1 and not self._reader.received
            refused = first and refused_in_handshake(error)
            self._end("connect" if refused else "lost", self._why_gone(error, refused))
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._reader.close()
        self._keeper.forget(self)

    def _why_gone(self, error: Exception | None, refused: bool) -> str:
        if refused and isinstance(error, ssl.SSLError):
            return f"{self.route.where} refused our certificate: {(error.reason or '').replace('_', ' ').lower()}"
        return why_lost(error, self.route.where)
