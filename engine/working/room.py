"""How many deliveries this process works on at once: in all, and of one pipeline, so that a slow one starves nobody.

A fiftieth of the total (8 of 400) is kept for each pipeline whatever the others have taken, so that not even several dead systems
at once stop the rest; the total may be exceeded by that much.
"""

from __future__ import annotations

import asyncio
from collections import Counter

from engine.settings import InFlight


class Room:
    """Counts what is in flight. All on one loop, so plain numbers do."""

    def __init__(self, limits: InFlight) -> None:
        self._limits = limits
        self._of: Counter[str] = Counter()
        self._changed = asyncio.Event()
        self.taken = 0

    def resize(self, limits: InFlight) -> None:
        """Other limits from now on; what is in flight stays."""
        self._limits = limits

    def free(self, pipeline: str, besides: int = 0) -> int:
        """How many more deliveries of this pipeline may start, beside so many others that are about to."""
        in_flight = self._of[pipeline]
        shared = min(self._limits.per_pipeline - in_flight, self._limits.total - self.taken - besides)
        kept = max(1, self._limits.total // 50)
        return max(0, shared, min(kept, self._limits.per_pipeline) - in_flight)

    def enter(self, pipeline: str) -> None:
        """One more is in flight."""
        self._of[pipeline] += 1
        self.taken += 1

    def leave(self, pipeline: str) -> None:
        """One has ended."""
        self._of[pipeline] -= 1
        self.taken -= 1
        self._changed.set()

    async def emptied(self, within_s: float) -> bool:
        """True as soon as nothing is in flight; False when that takes longer than `within_s`."""
        try:
            async with asyncio.timeout(within_s):
                while self.taken:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True
