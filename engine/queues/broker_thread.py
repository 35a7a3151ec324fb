"""The thread that talks to a queue's server, so that a server that hangs stops nothing else.

One job at a time. One that does not end in time is given up, and until it has ended nothing more is begun: neither threads nor
jobs pile up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import structlog

from engine.addresses import without_secrets
from engine.errors import QueueUnreachable

T = TypeVar("T")
WITHIN_S = 4.0

log = structlog.get_logger("nsps.queue")


class BrokerThread:
    """`errors` are those of the client of the server at `url`. A job must end by itself sooner or later: give its sockets
    timeouts."""

    def __init__(self, url: str, errors: tuple[type[Exception], ...], within_s: float = WITHIN_S) -> None:
        self._url = url
        self._errors = errors
        self._within_s = within_s
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="queue")
        self._turn = asyncio.Lock()
        self._last: Future[Any] | None = None

    async def do(self, job: Callable[[], T]) -> T:
        """What `job` returns. Raises QueueUnreachable when it fails, or not within the time."""
        try:
            async with asyncio.timeout(self._within_s), self._turn:
                return await self._run(job)
        except TimeoutError as error:
            raise QueueUnreachable(f"it did not answer within {self._within_s:g} s") from error
        except self._errors as error:
            raise QueueUnreachable(without_secrets(str(error), self._url) or type(error).__name__) from error

    async def _run(self, job: Callable[[], T]) -> T:
        if self._hangs():
            raise QueueUnreachable("it has not answered what it was asked before")
        future = self._threads.submit(job)
        self._last = future
        return await asyncio.wrap_future(future)

    def _hangs(self) -> bool:
        return self._last is not None and not self._last.done()

    async def close(self, last: Callable[[], None]) -> None:
        """Ends the thread after one more job, and waits for it as long as for any; where one hangs before it, not at all."""
        hangs = self._hangs()
        future = self._threads.submit(last)
        self._threads.shutdown(wait=False)
        if hangs:
            return
        done, _ = await asyncio.wait([asyncio.wrap_future(future)], timeout=self._within_s)
        for ended in done:
            if (error := ended.exception()) is not None and not isinstance(error, self._errors):
                log.warning("the queue's connections were not closed in order", why=repr(error))
