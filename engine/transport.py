"""What a transport must be: one request out, one whole and bounded reply back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from engine.connector import ReplyKind
from engine.request import HttpRequest, Reply


class Transport(Protocol):
    """One connector's way to its system. Faults of the world come back as Replies; nothing is raised for them."""

    def describe(self, request: HttpRequest, /) -> Mapping[str, Any]:
        """The request as it leaves, for traces and tests; no I/O. Raises OursFailed when it cannot be built."""

    async def exchange(self, request: HttpRequest, reads: ReplyKind, deadline_s: float, /) -> Reply:
        """The reply, whole, within `deadline_s` seconds in total and the connector's `max_reply_bytes`; its `sent` is what
        `describe` says."""

    async def close(self) -> None:
        """Closes idle connections."""
