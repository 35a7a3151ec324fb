"""A worker that only remembers what a queue handed it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence


class Collected:
    """A Sink."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, list[int]]] = []
        self.loops: set[asyncio.AbstractEventLoop] = set()
        self._came = asyncio.Event()

    def offer(self, pipeline: str, ids: Sequence[int]) -> None:
        if pipeline == "bad":
            raise ValueError("no")
        self.loops.add(asyncio.get_running_loop())
        self.taken.append((pipeline, list(ids)))
        self._came.set()

    @property
    def ids(self) -> list[int]:
        return sorted(one for _, ids in self.taken for one in ids)

    async def until(self, holds: Callable[[], bool], within_s: float = 20) -> None:
        """Returns when it holds; asked whenever something came."""
        async with asyncio.timeout(within_s):
            while not holds():
                self._came.clear()
                await self._came.wait()
