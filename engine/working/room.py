"""How many deliveries this process works on at once: in all, and of one pipeline, so that a slow one starves nobody."""

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

    def free(self, pipeline: str) -> int:
        """How many more deliveries of this pipeline may start."""
        return max(0, min(self._limits.per_pipeline - self._of[pipeline], self.left))

    @property
    def left(self) -> int:
        """How many more deliveries may start in all."""
        return max(0, self._limits.total - self.taken)

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
