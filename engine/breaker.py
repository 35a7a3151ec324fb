"""One connector's circuit: closed, open, or half open while one call tries."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

from engine.connector import Breaker
from engine.request import Reply

PROBE_LOOK_S = 5.0  # how often those who wait look again while the probe is under way


class Circuit:
    """Opens after so many failures within so long; then lets one call try, and closes or opens by what it sees."""

    def __init__(self, name: str, breaker: Breaker) -> None:
        self._name = name
        self._breaker = breaker
        self._failures: deque[datetime] = deque(maxlen=breaker.failures)
        self._open_until: datetime | None = None
        self._probing_at: datetime | None = None
        self._last = ""

    @property
    def closed(self) -> bool:
        """Whether calls go through as if there were no breaker."""
        return self._open_until is None

    def open_until(self, now: datetime) -> tuple[datetime, str]:
        """When the next call may try, and why not now."""
        if self._probing_at is not None:
            words = f"breaker of {self._name}: one call is trying whether it is back"
            return look_again_at(self._probing_at, now), words
        until = self._open_until = min(self._open_until or now, self._reopening(now))  # a clock may be set back
        words = f"breaker of {self._name} is open until {until:%H:%M:%S} UTC after {self._breaker.failures} failures"
        return until, f"{words}, the last: {self._last}"

    def probe(self, now: datetime) -> bool:
        """Whether the caller is the one who tries; from then on nobody else is, until what it saw is told."""
        if self._probing_at is not None or self._open_until is None or now < self._open_until:
            return False
        self._probing_at = now
        return True

    def abandoned(self) -> None:
        """The probe came to nothing: the next call may try."""
        self._probing_at = None

    def saw(self, reply: Reply, now: datetime, probe: bool) -> None:
        """Counts a failure; a probe that succeeded closes the circuit, one that failed keeps it open."""
        failed = failure(reply)
        if failed:
            self._last = failed
            self._failures.append(now)
        if probe:
            self._probing_at = None
            self._failures.clear()
            self._open_until = self._reopening(now) if failed else None
        elif failed and self.closed and self._too_many(now):
            self._open_until = self._reopening(now)

    def _reopening(self, now: datetime) -> datetime:
        return now + timedelta(seconds=self._breaker.open_for_s)

    def _too_many(self, now: datetime) -> bool:
        enough = len(self._failures) == self._breaker.failures
        return enough and (now - self._failures[0]).total_seconds() <= self._breaker.within_s


def look_again_at(began_at: datetime, now: datetime) -> datetime:
    """The next of the instants, 5 s apart, at which those who wait for a probe look again."""
    looks = max(0, int((now - began_at).total_seconds() / PROBE_LOOK_S))
    return min(began_at, now) + timedelta(seconds=PROBE_LOOK_S * (looks + 1))


def failure(reply: Reply) -> str:
    """What counts as a failure, in words; empty for an answer."""
    if reply.error is not None:
        return reply.detail or reply.error
    if isinstance(reply.status, int) and (reply.status >= 500 or reply.status == 429):
        return f"HTTP {reply.status}"
    return ""
