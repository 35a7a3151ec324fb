"""A new connection: names, addresses, TLS, and the proxy on the way."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from ipaddress import ip_address

from engine.transports.http_connection import HttpConnection
from engine.transports.http_faults import NotConnected, why_not_connected
from engine.transports.http_reader import MOST_HEAD_BYTES
from engine.transports.http_route import Server

_NEXT_ADDRESS_S = 0.25  # RFC 8305 §8
_GOODBYE_S = 1.0  # for the other side's close_notify

Make = Callable[[], HttpConnection]


async def connect(
    server: Server, proxy: Server | None, tls: Callable[[], ssl.SSLContext], make: Make, within_s: float
) -> HttpConnection:
    """A connection on which requests for `server` can be sent; one that fails or is cancelled on its way leaves nothing open.

    Raises NotConnected.
    """
    if proxy is None:
        return await _reach(server, server.where, tls, make)
    first = await _reach(proxy, f"the proxy {proxy.where}", tls, make)
    if not server.https:
        return first
    try:
        return await _through(await _opened(first, server, proxy, within_s), server, tls(), make)
    except BaseException:
        first.abort()
        raise


async def _reach(server: Server, where: str, tls: Callable[[], ssl.SSLContext], make: Make) -> HttpConnection:
    loop, context, name = asyncio.get_running_loop(), tls() if server.https else None, server.host.rstrip(".")

    async def to(address: str) -> HttpConnection:
        if context is None:
            return (await loop.create_connection(make, address, server.port))[1]
        _, connection = await loop.create_connection(
            make, address, server.port, ssl=context, server_hostname=name, ssl_shutdown_timeout=_GOODBYE_S
        )
        return connection

    try:
        return _open(await _first([partial(to, address) for address in await _addresses(server)]), where)
    except (OSError, ValueError) as error:
        raise NotConnected(why_not_connected(error, server.host, where)) from error


async def _addresses(server: Server) -> Sequence[str]:
    with suppress(ValueError):
        return [str(ip_address(server.host))]
    found = await asyncio.get_running_loop().getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(_address(sockaddr) for *_, sockaddr in found))


def _address(sockaddr: tuple[object, ...]) -> str:
    """With the link it belongs to, if it is one of a link only (RFC 4007 §11)."""
    return f"{sockaddr[0]}%{sockaddr[3]}" if len(sockaddr) == 4 and sockaddr[3] else str(sockaddr[0])


async def _first(attempts: Sequence[Callable[[], Awaitable[HttpConnection]]]) -> HttpConnection:
    """The first that succeeds. The next one begins when one failed, or after a while: an address may swallow what it is sent.

    RFC 8305 §5. Raises what the last one did when all fail.
    """
    if len(attempts) == 1:
        return await attempts[0]()
    running: set[asyncio.Task[HttpConnection]] = set()
    failed: BaseException | None = None
    try:
        for number, attempt in enumerate(attempts, start=1):
            running.add(asyncio.ensure_future(attempt()))
            while running:
                patience_s = _NEXT_ADDRESS_S if number < len(attempts) else None
                done, _ = await asyncio.wait(running, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    running.discard(task)
                    if (failed := task.exception()) is None:
                        running |= done - {task}
                        return task.result()
                if number < len(attempts):
                    break
    finally:
        for task in running:
            task.add_done_callback(_let_go)
            task.cancel()
    raise failed or OSError("it has no address")


def _let_go(task: asyncio.Task[HttpConnection]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().abort()


async def _opened(first: HttpConnection, server: Server, proxy: Server, within_s: float) -> asyncio.Transport:
    """The tunnel that the proxy opens to the server (RFC 9110 §9.3.6)."""
    authorization = f"Proxy-Authorization: Basic {proxy.basic}\r\n" if proxy.basic else ""
    asking = f"CONNECT {server.where} HTTP/1.1\r\nHost: {server.where}\r\nUser-Agent: nsps\r\n{authorization}\r\n"
    answer = await first.ask(asking.encode(), MOST_HEAD_BYTES, within_s, within_s, "tunnel")
    if answer.fault:
        raise NotConnected(
            f"no connection to {server.where}: the proxy {proxy.where} opened no tunnel: {answer.detail}"
        )
    if answer.status is None or answer.status >= 300:
        raise NotConnected(f"no connection to {server.where}: the proxy {proxy.where} answered HTTP {answer.status}")
    return first.transport


async def _through(tunnel: asyncio.Transport, server: Server, context: ssl.SSLContext, make: Make) -> HttpConnection:
    inner = make()
    try:
        transport = await asyncio.get_running_loop().start_tls(
            tunnel,
            inner,
            context,
            server_hostname=server.host.rstrip("."),
            ssl_shutdown_timeout=_GOODBYE_S,
        )
    except (OSError, ValueError) as error:
        raise NotConnected(why_not_connected(error, server.host, server.where)) from error
    if transport is not None:
        inner.connection_made(transport)
    return _open(inner, server.where)


def _open(connection: HttpConnection, where: str) -> HttpConnection:
    if connection.closed:
        raise NotConnected(f"no connection to {where}: it was closed before the request was sent")
    return connection
