"""What every area of the store works with."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

from engine.clock import Clock
from engine.storage.committer import ROW_ERRORS, Committer, Connections, unavailable

T = TypeVar("T")


class Area:
    """One area: group commits for what happens often, transactions of their own for the rest."""

    def __init__(self, connections: Connections, committer: Committer, clock: Clock) -> None:
        self._connections = connections
        self._committer = committer
        self._clock = clock

    async def _write(self, job: Callable[[Connection], T]) -> T:
        """One transaction of its own. Raises StoreUnavailable."""
        try:
            return await self._connections.write(job)
        except ROW_ERRORS as error:
            raise unavailable(error) from error

    async def _read(self, job: Callable[[Connection], T]) -> T:
        try:
            return await self._connections.read(job)
        except ROW_ERRORS as error:
            raise unavailable(error) from error
