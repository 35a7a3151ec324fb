"""The connections of one connector: those that wait for the next request, and all that are open."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from engine.transports.http_connection import HttpConnection
from engine.transports.http_route import Route

# Common servers drop an idle connection after 5 s or more (Node, uvicorn). We let go first, so that a request rarely
# meets a connection that is closed at that very moment, which would leave it `lost`.
IDLE_S = 4.0
_CLOSING_S = 0.2  # for TLS to say goodbye


class Pool:
    """The last one used is used next: those that are not needed grow old together and are let go."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._idle: dict[Route, list[HttpConnection]] = {}
        self._open: set[HttpConnection] = set()
        self._ended = asyncio.Event()  # all of them
        self._sweep: asyncio.TimerHandle | None = None

    def take(self, route: Route) -> HttpConnection | None:
        """One that waits, None when there is none."""
        waiting = self._idle.get(route)
        while waiting:
            connection = waiting.pop()
            if connection.closed:
                continue
            if self._loop.time() - connection.idle_since_s < IDLE_S:
                return connection
            connection.close()
        return None

    def add(self, connection: HttpConnection) -> None:
        """A new one: it is known until it ends."""
        self._open.add(connection)
        self._ended.clear()

    def take_back(self, connection: HttpConnection, /) -> None:
        """It waits for another request, for a while."""
        connection.idle_since_s = self._loop.time()
        waiting = self._idle.get(connection.route)
        if waiting is None:
            waiting = self._idle[connection.route] = []
        waiting.append(connection)
        if self._sweep is None:
            self._sweep = self._loop.call_later(IDLE_S, self._let_go)

    def forget(self, connection: HttpConnection, /) -> None:
        """It has ended."""
        self._open.discard(connection)
        if not self._open:
            self._ended.set()

    def _let_go(self) -> None:
        """Closes those that have waited long enough, and looks again when the next one has."""
        old_s = self._loop.time() - IDLE_S + 0.001  # what a timer may be early
        kept: list[float] = []
        for route, waiting in self._idle.items():
            for connection in waiting:
                if connection.idle_since_s <= old_s:
                    connection.close()
            self._idle[route] = [connection for connection in waiting if not connection.closed]
            kept += [connection.idle_since_s for connection in self._idle[route]]
        self._sweep = self._loop.call_later(min(kept) - old_s, self._let_go) if kept else None

    async def close(self) -> None:
        """Ends all; calls under way end as `lost`."""
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        self._idle.clear()
        for connection in list(self._open):
            connection.stop()
        if self._open:
            with suppress(TimeoutError):
                async with asyncio.timeout(_CLOSING_S):
                    await self._ended.wait()
        for connection in list(self._open):
            connection.abort()
