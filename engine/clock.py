"""Time as an argument: the system's clock, or a virtual one that tests move."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time and waits. Instants are aware UTC datetimes."""

    def now(self) -> datetime: ...

    async def sleep(self, seconds: float, /) -> None: ...


class SystemClock:
    """The machine's clock plus the offset the store's heartbeat measured."""

    def __init__(self) -> None:
        self.offset = timedelta(0)

    def now(self) -> datetime:
        """Store time, as this process knows it."""
        now = datetime.now(UTC)  # noqa: TID251 - the one place that asks the machine
        return now + self.offset if self.offset else now

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
