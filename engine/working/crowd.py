"""How many processes work on the instance, as their heartbeats say."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from engine.clock import Clock
from engine.errors import StoreUnavailable
from engine.storage.protocol import History

EVERY_S = 5.0
ALIVE_S = 10.0


class Crowd:
    """Counted every 5 s; this process at least. While the store is away the last count holds."""

    def __init__(self, store: History, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._count = 1

    def count(self) -> int:
        """The last count."""
        return self._count

    async def refresh(self) -> None:
        """Counts anew. Raises StoreUnavailable."""
        now = self._clock.now()
        ages_s = [(now - beat_at).total_seconds() for _, beat_at in await self._store.owners()]
        self._count = max(1, sum(age_s < ALIVE_S for age_s in ages_s))

    async def run(self) -> None:
        """Counts until cancelled."""
        while True:
            with suppress(StoreUnavailable):  # the sweep says so
                await self.refresh()
            await asyncio.sleep(EVERY_S)
