"""Fewer system calls: a small answer's head and body leave in one write, as they would by TCP_CORK.

uvicorn writes them one after the other, and each write of a transport is a system call at once, with a packet of its own.
"""

from __future__ import annotations

import asyncio
from typing import Any


class Corked:
    """A transport that holds a write for the next one, to the end of the loop's turn at most. All else is the transport's."""

    __slots__ = ("_held", "_loop", "_transport", "is_closing")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held = b""
        self.is_closing = transport.is_closing  # asked twice a request

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Holds it, or writes it together with what is held: never more than one piece is."""
        if self._held:
            data, self._held = self._held + data, b""
            self._transport.write(data)
        else:
            self._held = data
            self._loop.call_soon(self._let_go)

    def close(self) -> None:
        """Closes once all is written."""
        self._let_go()
        self._transport.close()

    def _let_go(self) -> None:
        if self._held:
            data, self._held = self._held, b""
            self._transport.write(data)
