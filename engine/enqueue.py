"""Step 3: delivery ids to the queue, in batches, now.

Never in the path of an answer: the receiver leaves ids here after the commit, and one task hands them on. A message is a
hint (ids, never payloads); one that is lost costs the sweep's next look, so a queue that fails, hangs or is full delays nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol

import structlog

from engine.errors import QueueUnreachable, StoreUnavailable

BATCH = 100
REST_S = 0.03
REST_S_PER_ID = 0.001
MOST_PENDING = 20_000
MOST_MESSAGES = 1_000  # in the queue, beyond which workers are behind and a hint more would only be memory
WATCH_EVERY_S = 1.0

log = structlog.get_logger("nsps.enqueue")

Ourselves = Callable[[str, Sequence[int]], None]
Forgot = Callable[[], Awaitable[object]]
Rest = Callable[[int], Awaitable[None]]


async def _nothing() -> None:
    """For a queue that shares the fate of its process."""


async def _rest(sent: int) -> None:
    """A message costs its sender, the server and a worker together about a millisecond, whatever it holds. So when events come
    faster than one by one, they wait for each other; up to some hundred a second that is hardly longer than a message takes."""
    await asyncio.sleep(min(REST_S, sent * REST_S_PER_ID))


class Queue(Protocol):
    """Where messages go: Dramatiq, over whichever broker."""

    async def send(self, pipeline: str, ids: Sequence[int], /) -> None:
        """Hands over one message. Raises QueueUnreachable, within bounded time."""

    async def depth(self) -> int:
        """How many messages wait in it. Raises QueueUnreachable."""


class Enqueue:
    """Ids wait here for one task that sends them; those a queue does not take go to `ourselves`.

    In a process that works, that is its worker. A receiver leaves them to the workers' sweeps, which find them in the store.
    A queue that goes, or that is back, may have lost what it held: `forgot` has the store looked through for that. `rest` is
    awaited after so many ids were sent; what is put meanwhile leaves together.
    """

    def __init__(self, queue: Queue, ourselves: Ourselves, forgot: Forgot = _nothing, rest: Rest = _rest) -> None:
        self._queue = queue
        self._rest = rest
        self._ourselves = ourselves
        self._forgot = forgot
        self._may_have_lost = False
        self._pending: dict[str, list[int]] = {}
        self._something = asyncio.Event()
        self.pending = 0
        self.reachable = True
        self.full = False

    def put(self, pipeline: str, ids: Iterable[int]) -> None:
        """Leaves ids to be sent. Never waits; beyond a bound they are left to the sweep."""
        new = list(ids)
        if not new or self.pending >= MOST_PENDING:
            return
        self._pending.setdefault(pipeline, []).extend(new)
        self.pending += len(new)
        self._something.set()

    async def run(self) -> None:
        """Sends what is put until cancelled: at once, but for a rest in which more may gather."""
        while True:
            await self._something.wait()
            self._something.clear()
            sent = self.pending
            await self.flush()
            await self._rest(sent)

    async def flush(self) -> None:
        """Sends what is pending."""
        pending, self._pending, self.pending = self._pending, {}, 0
        for pipeline, ids in pending.items():
            for start in range(0, len(ids), BATCH):
                await self._send(pipeline, ids[start : start + BATCH])

    async def watch(self) -> None:
        """Asks the queue each second how it is, until cancelled: one that was away is used again as soon as it is back."""
        while True:
            try:
                depth = await self._queue.depth()
            except QueueUnreachable as error:
                self._away(error)
            else:
                self._back(depth)
            await self._look_for_what_it_lost()
            await asyncio.sleep(WATCH_EVERY_S)

    async def _look_for_what_it_lost(self) -> None:
        if not self._may_have_lost:
            return
        self._may_have_lost = False
        try:
            await self._forgot()
        except StoreUnavailable:  # the sweep says so
            self._may_have_lost = True

    async def _send(self, pipeline: str, ids: list[int]) -> None:
        if self.reachable and not self.full:
            try:
                return await self._queue.send(pipeline, ids)
            except QueueUnreachable as error:
                self._away(error)
        self._ourselves(pipeline, ids)

    def _away(self, error: QueueUnreachable) -> None:
        if self.reachable:
            log.warning("the queue does not take messages; workers go on from the store", why=str(error))
            self._may_have_lost = True
        self.reachable = False

    def _back(self, depth: int) -> None:
        if not self.reachable:
            log.info("the queue takes messages again")
            self._may_have_lost = True
        if depth >= MOST_MESSAGES and not self.full:
            log.warning("the queue holds all it should; workers find the rest in the store", messages=depth)
        self.reachable, self.full = True, depth >= MOST_MESSAGES
