"""http: one request out, one whole and bounded reply back."""

from __future__ import annotations

import asyncio
import ssl
import time
from pathlib import Path
from typing import Any

from engine.clock import Clock
from engine.connector import Connector, ReplyKind
from engine.errors import OursFailed
from engine.reading import read
from engine.request import HttpRequest, Reply
from engine.transports.http_answer import KEPT_OF_BROKEN, Answer, unpack
from engine.transports.http_connect import connect
from engine.transports.http_connection import HttpConnection
from engine.transports.http_faults import NotConnected
from engine.transports.http_head import bytes_of
from engine.transports.http_message import describe
from engine.transports.http_pool import Pool
from engine.transports.http_route import Route, Server, route_of, server_of
from engine.transports.http_tls import context_of

# A connection gets nine tenths of the time: what does not connect is then told apart from what does not answer.
_CONNECT_SHARE = 0.9


class HttpTransport:
    """HTTP/1.1 on the loop itself, connections reused, redirects left to the verdicts.

    No request is sent twice: a connection that ended before a request went onto it is replaced, one that ends after it is
    `lost`. No proxy is read from the environment, no cookie is kept.
    """

    def __init__(self, connector: Connector, clock: Clock, project: Path = Path()) -> None:
        self._connector = connector
        self._clock = clock
        self._project = project
        self._routes: dict[str, Route] = {}
        self._pool: Pool | None = None
        self._context: ssl.SSLContext | None = None
        self._connecting: set[asyncio.Timeout] = set()
        self._unpacking = asyncio.Lock()
        self._closed = False

    def describe(self, request: HttpRequest) -> dict[str, Any]:
        """The request as it leaves; raises OursFailed when it cannot be built."""
        return describe(self._connector.base_url, request)

    async def exchange(self, request: HttpRequest, reads: ReplyKind, deadline_s: float, /) -> Reply:
        """The reply, whole, within `deadline_s` in total; a fault is a Reply too. Raises OursFailed for a bad request."""
        sent = describe(self._connector.base_url, request)
        asked_at, begun_s = self._clock.now(), time.perf_counter()
        answer = await self._answer(request, sent["url"], deadline_s)
        headers, fault, detail = answer.headers, answer.fault, answer.detail
        if fault is not None:  # enough to see what it is; all of it, masked and kept, would hold everybody up
            answer.content = answer.content[:KEPT_OF_BROKEN]
        reading = read(answer.content, reads, headers.get("content-type", ""))
        if fault is None and reading.problem:
            fault, detail = "unreadable", reading.problem
        if fault is None and "location" in headers and 300 <= (answer.status or 0) < 400:
            detail = f"it points to {headers['location']}; redirects are never followed"
        return Reply(
            status=answer.status,
            headers=headers,
            body=None if fault else reading.body,
            text=reading.text,
            error=fault,
            detail=detail,
            asked_at=asked_at,
            took_s=time.perf_counter() - begun_s,
            sent=sent,
        )

    async def _answer(self, request: HttpRequest, url: str, deadline_s: float) -> Answer:
        limit, base_url = self._connector.max_reply_bytes, request.base_url or self._connector.base_url
        try:
            route = self._routes.get(base_url) or self._route(base_url)
            message = bytes_of(request, url, route)
            pool = self._pool or self._new_pool()
            connection, left_s = pool.take(route), deadline_s
            if connection is None:
                began_s = time.perf_counter()
                connection = await self._connect(route, pool, deadline_s)
                left_s -= time.perf_counter() - began_s
        except ValueError as error:  # not http(s), no host, a header that is none
            raise OursFailed(f"{request.method} {url} is no request that can be sent: {error}") from error
        except NotConnected as error:
            return Answer(fault="connect", detail=str(error))
        answering = connection.ask(
            message, limit, left_s, deadline_s, "nothing" if request.method == "HEAD" else "body"
        )
        try:
            answer = await answering
        except BaseException:
            connection.give_up(answering)
            raise
        if "content-encoding" in answer.headers:  # rare, nobody asks for it; a bomb takes 10 ms and more to see through
            async with self._unpacking:  # one at a time, so that a system that sends bombs has one processor at most
                await asyncio.to_thread(unpack, answer, limit, route.where)
        return answer

    async def _connect(self, route: Route, pool: Pool, deadline_s: float) -> HttpConnection:
        loop, within_s = asyncio.get_running_loop(), deadline_s * _CONNECT_SHARE
        try:
            async with asyncio.timeout(0 if self._closed else within_s) as limit:
                self._connecting.add(limit)
                connection = await connect(
                    route.server, self._proxy(), self._tls, lambda: HttpConnection(loop, route, pool), deadline_s
                )
        except TimeoutError as error:
            if self._closed:
                raise NotConnected("this process was stopping: nothing was sent") from error
            raise NotConnected(f"no connection to {route.where} within {within_s:g} s") from error
        finally:
            self._connecting.discard(limit)
        pool.add(connection)
        return connection

    def _new_pool(self) -> Pool:
        self._pool = Pool(asyncio.get_running_loop())
        return self._pool

    def _route(self, base_url: str) -> Route:
        self._routes[base_url] = route = route_of(base_url, self._proxy())
        return route

    def _proxy(self) -> Server | None:
        if not self._connector.proxy:
            return None
        try:
            return server_of(self._connector.proxy)[0]
        except ValueError as error:
            raise NotConnected(f"proxy: its URL cannot be used: {error}") from error

    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = context_of(self._connector.tls, self._project)
        return self._context

    async def close(self) -> None:
        """Closes idle connections; calls under way end as `lost`, those that still connect as `connect`."""
        self._closed = True
        for limit in self._connecting:
            if not limit.expired():
                limit.reschedule(0)
        if self._pool is not None:
            await self._pool.close()
