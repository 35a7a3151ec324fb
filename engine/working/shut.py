"""Connectors whose windows are in force, and pipelines that come back after they were held."""

from __future__ import annotations

from collections.abc import Mapping, Set
from datetime import datetime

from engine.connector import Connector, Window
from engine.windows import changes_at, in_force, in_words

RAMP_S = 9  # after so long twice as much each second is more than is looked at anyway


class Shut:
    """The scopes that windows close, worked out anew only when one begins or ends, or the clock was set back."""

    def __init__(self, connectors: Mapping[str, Connector]) -> None:
        self._windows = {name: one.windows for name, one in connectors.items() if one.windows}
        self._found: Mapping[str, str] = {}
        self._valid: tuple[datetime, datetime | None] | None = None

    def at(self, now: datetime) -> Mapping[str, str]:
        """By scope: what is in force until when, in words."""
        if not self._windows:
            return self._found
        if self._valid is None or now < self._valid[0] or (self._valid[1] is not None and now >= self._valid[1]):
            every = [window for windows in self._windows.values() for window in windows]
            self._valid = (now, changes_at(every, now))
            self._found = dict(filter(None, (_shut(name, windows, now) for name, windows in self._windows.items())))
        return self._found


def _shut(name: str, windows: tuple[Window, ...], now: datetime) -> tuple[str, str] | None:
    until = in_force(windows, now)
    if until is None:
        return None
    mine = ", ".join(in_words(window) for window in windows if in_force([window], now))
    return f"connector:{name}", f"connector {name} is not called until {until:%Y-%m-%d %H:%M} UTC (windows: {mine})"


class Release:
    """How much to hand on at once after a hold ended: 1, 2, 4, … deliveries a second, not all that waited."""

    def __init__(self) -> None:
        self._began_at: datetime | None = None
        self._pipelines: frozenset[str] = frozenset()
        self._second = -1

    def begin(self, now: datetime, pipelines: Set[str]) -> None:
        """A hold of these pipelines has ended."""
        self._pipelines = self.pipelines(now) | pipelines
        self._began_at = now
        self._second = -1

    def pipelines(self, now: datetime) -> frozenset[str]:
        """Those that come back bit by bit."""
        return self._pipelines if self._second_of(now) is not None else frozenset()

    def portion(self, now: datetime, most: int) -> int:
        """At most this many; none where this second had its portion."""
        second = self._second_of(now)
        if second is None:
            return most
        if second <= self._second:
            return 0
        self._second = second
        return int(min(1 << second, most))

    def _second_of(self, now: datetime) -> int | None:
        """From 0; None when it is over, also where the clock was set back to before it began."""
        passed_s = -1.0 if self._began_at is None else (now - self._began_at).total_seconds()
        return int(passed_s) if 0 <= passed_s < RAMP_S else None
