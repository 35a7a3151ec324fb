"""Step 3: delivery ids to the queue, in batches, now.

Never in the path of an answer: the receiver leaves ids here after the commit, and one task hands them on. A message is a
hint (ids, never payloads); one that is lost costs the sweep's next look, so a queue that fails or hangs delays nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import structlog

from engine.errors import QueueUnreachable

BATCH = 50
MOST_PENDING = 20_000
SEND_WITHIN_S = 5.0

log = structlog.get_logger("nsps.enqueue")


class Queue(Protocol):
    """Where messages go: Dramatiq, over whichever broker."""

    async def send(self, pipeline: str, ids: Sequence[int], /) -> None:
        """Hands over one message. Raises QueueUnreachable."""


class Enqueue:
    """Ids wait here for one task that sends them; those a queue does not take go to `ourselves`, this process's worker."""

    def __init__(self, queue: Queue, ourselves: Callable[[str, Sequence[int]], None]) -> None:
        self._queue = queue
        self._ourselves = ourselves
        self._pending: dict[str, list[int]] = {}
        self._something = asyncio.Event()
        self.pending = 0
        self.reachable = True

    def put(self, pipeline: str, ids: Iterable[int]) -> None:
        """Leaves ids to be sent. Never waits; beyond a bound they are left to the sweep."""
        new = list(ids)
        if not new or self.pending >= MOST_PENDING:
            return
        self._pending.setdefault(pipeline, []).extend(new)
        self.pending += len(new)
        self._something.set()

    async def run(self) -> None:
        """Sends what is put until cancelled."""
        while True:
            await self._something.wait()
            self._something.clear()
            pending, self._pending, self.pending = self._pending, {}, 0
            for pipeline, ids in pending.items():
                for start in range(0, len(ids), BATCH):
                    await self._send(pipeline, ids[start : start + BATCH])

    async def _send(self, pipeline: str, ids: list[int]) -> None:
        try:
            async with asyncio.timeout(SEND_WITHIN_S):
                await self._queue.send(pipeline, ids)
        except (QueueUnreachable, TimeoutError) as error:
            if self.reachable:
                log.warning(
                    "the queue does not take messages; this process works on what it stores itself", why=str(error)
                )
            self.reachable = False
            self._ourselves(pipeline, ids)
            return
        if not self.reachable:
            log.info("the queue takes messages again")
        self.reachable = True
