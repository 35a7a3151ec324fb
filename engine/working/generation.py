"""What one configuration runs with. A reload makes the next; this one lives on until what began with it has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from engine.catalog import Catalog
from engine.exchange import Exchange
from engine.receive import Way
from engine.storage.protocol import Claimed
from engine.working.attempt import Attempts, Ended


class Generation:
    """A catalog with its ways in and out. `doors` are its receivers, by path."""

    def __init__(self, catalog: Catalog, exchange: Exchange, attempts: Attempts, doors: Mapping[str, Way]) -> None:
        self.catalog = catalog
        self.exchange = exchange
        self.doors = doors
        self._attempts = attempts
        self._inside = 0
        self._empty = asyncio.Event()

    def make(self, claimed: Claimed) -> asyncio.Future[Ended]:
        """One attempt, with this configuration from its beginning to its end."""
        self._inside += 1
        attempt = asyncio.ensure_future(self._attempts.make(claimed))
        attempt.add_done_callback(self._left)
        return attempt

    def _left(self, _attempt: asyncio.Future[Ended]) -> None:
        self._inside -= 1
        if not self._inside:
            self._empty.set()

    async def ended(self) -> None:
        """Returns when no attempt is under way that began with it."""
        while self._inside:
            self._empty.clear()
            await self._empty.wait()

    async def close(self, others: Iterable[Generation]) -> None:
        """Closes its connections, but those that other generations use."""
        await self.exchange.close(one.exchange for one in others)
