"""Time as an argument: the system's clock, or a virtual one that tests move."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time and waits. Instants are aware UTC datetimes."""

    def now(self) -> datetime: ...

    async def sleep(self, seconds: float, /) -> None: ...


def _machine() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the one place that asks the machine


class SystemClock:
    """The machine's clock as it was at the start, carried on by seconds that nobody sets, plus the offset to the store's.

    Whoever sets the machine's clock moves no due time of a running process: the next heartbeat agrees with the store anew.
    `machine` and `monotonic` are where both come from.
    """

    def __init__(
        self, machine: Callable[[], datetime] = _machine, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.machine = machine
        self._monotonic = monotonic
        self._began_at, self._began_s = machine(), monotonic()
        self.offset = timedelta(0)

    @property
    def offset(self) -> timedelta:
        """How far the store's clock is ahead of this machine's."""
        return self._offset

    @offset.setter
    def offset(self, offset: timedelta) -> None:
        self._offset = offset
        # Seconds since 1970 at which `monotonic` was 0: one addition, where dates would take three. Exact to a microsecond.
        self._zero_s = (self._began_at + offset).timestamp() - self._began_s

    def now(self) -> datetime:
        """Store time, as this process knows it."""
        return datetime.fromtimestamp(self._zero_s + self._monotonic(), UTC)

    async def sleep(self, seconds: float, /) -> None:
        """Returns after `seconds`."""
        await asyncio.sleep(seconds)


class VirtualClock:
    """A clock that stands still until somebody moves it; sleeping moves it at once."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        """The instant it was last moved to."""
        return self._now

    def move_to(self, instant: datetime) -> None:
        """Sets the time; never backwards unless asked to."""
        self._now = instant

    async def sleep(self, seconds: float, /) -> None:
        """Moves the clock by `seconds` and lets other tasks run."""
        self._now += timedelta(seconds=seconds)
        await asyncio.sleep(0)
