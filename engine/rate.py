"""How often a connector's system may be called."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

from engine.ramp import BOOKED_S


class Rate:
    """At most `rate` calls in any second; fewer than one a second: one in 1/rate seconds. Bursts within that are free."""

    def __init__(self, rate: float) -> None:
        self._taken: deque[datetime] = deque()
        self.change(rate)

    def change(self, rate: float) -> None:
        """Another rate from now on; what was taken counts."""
        self._most = max(1, int(rate))
        self._window = timedelta(seconds=self._most / rate)
        self.per_s = rate
        self.words = f"{rate:g} calls a second" if rate >= 1 else f"one call in {1 / rate:g} seconds"

    def next(self, now: datetime) -> datetime:
        """When the next call may go. It is booked, unless that is more than a second away."""
        if self._taken and (self._taken[-1] - now).total_seconds() > BOOKED_S:
            self._taken.clear()  # the clock was set back: what was taken then says nothing about now
        while self._taken and self._taken[0] + self._window <= now:
            self._taken.popleft()
        if len(self._taken) < self._most:
            self._taken.append(now)
            return now
        at = self._taken[-self._most] + self._window
        if (at - now).total_seconds() <= BOOKED_S:
            self._taken.append(at)
        return at
