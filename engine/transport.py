"""What a transport must be: one request out, one whole and bounded reply back."""

from __future__ import annotations

from typing import Protocol

from engine.connector import ReplyKind
from engine.request import HttpRequest, Reply


class Transport(Protocol):
    """One connector's way to its system. Faults of the world come back as Replies; nothing is raised for them."""

    async def exchange(self, request: HttpRequest, reads: ReplyKind, deadline_s: float, /) -> Reply:
        """The reply, whole, within `deadline_s` seconds in total and the connector's `max_reply_bytes`."""

    async def close(self) -> None:
        """Closes idle connections."""
