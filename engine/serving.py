"""uvicorn, without its ways of taking over: the socket, the signals and the exit code are ours."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from typing import Any

import uvicorn

from engine.connection import Connection
from engine.errors import WrongUse
from engine.receiving.telling import Telling

KEEP_ALIVE_S = 75
BACKLOG = 2048


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises WrongUse, saying why not."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise WrongUse(
            f"cannot listen at {host}:{port}: {reason}. Choose another with --host and --port (or PORT)"
        ) from error


def url_of(listening: socket.socket) -> str:
    """Where it can be reached from this machine."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@asynccontextmanager
async def serving(
    app: Any, listening: socket.socket, grace_s: float, connection: type[Connection] = Connection
) -> AsyncIterator[uvicorn.Server]:
    """Serves `app` until the block ends; then takes no more and answers what is being answered, within `grace_s`."""
    telling = Telling()
    config = uvicorn.Config(
        app,
        http=partial(connection, telling=telling),  # type: ignore[arg-type]  # called as the class is
        ws="none",
        loop="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=max(1, int(grace_s)),
    )
    server = uvicorn.Server(config)
    # uvicorn raises a signal again after a clean stop, which would end the process as killed instead of with 0.
    server.capture_signals = nullcontext  # type: ignore[method-assign,assignment]
    task = asyncio.create_task(server.serve([listening]), name="uvicorn")
    try:
        while not server.started and not task.done():
            await asyncio.sleep(0.005)
        yield server
    finally:
        server.should_exit = True
        await task
        telling.flush()
