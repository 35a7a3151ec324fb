"""A simulator on a port of the loopback interface, in this process and on this loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from engine.simulators.faults import CONNECTION


class CuttableProtocol(HttpToolsProtocol):
    """HTTP whose application may cut the connection."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {CONNECTION: {"abort": self.transport.abort, "close": self.transport.close}}


@asynccontextmanager
async def serving(app: ASGIApp, port: int = 0, host: str = "127.0.0.1") -> AsyncIterator[str]:
    """The base URL under which `app` answers until the block ends; port 0 takes a free one.

    Requests still running then (hung on command, say) are cut. Raises OSError when the port is taken.
    """
    # The protocol is said, so that asyncio sets TCP_NODELAY.
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((host, port))
    config = uvicorn.Config(
        app,
        http=CuttableProtocol,
        interface="asgi3",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
    )
    server = uvicorn.Server(config)
    server.capture_signals = nullcontext  # type: ignore[method-assign,assignment]
    running = asyncio.create_task(server.serve([bound]))
    try:
        while not server.started and not running.done():
            await asyncio.sleep(0.005)
        yield f"http://{host}:{bound.getsockname()[1]}"
    finally:
        for connection in tuple(server.server_state.connections):
            if connection.transport:
                connection.transport.abort()
        server.should_exit = True
        await running
