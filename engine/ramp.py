"""Coming back slowly: 1, 2, 4, … a second in place of all that waited at once. Derived, so that instants are exact."""

from __future__ import annotations

from datetime import datetime, timedelta

NO_LIMIT = 1024.0  # a second: where a ramp ends when no rate limits it
BOOKED_S = 1.0  # how far ahead a place may be taken
LONGEST_LINE_S = 600.0  # longer lines begin again at the front: what was told long ago may be outdated


def place_s(place: int, top: float) -> float:
    """Seconds from the beginning to place number `place` (from 0): second k holds 2**k of them, evenly, later `top`."""
    second, last = (place + 1).bit_length() - 1, doublings(top)
    if second < last:
        return second + (place + 1 - (1 << second)) / (1 << second)
    return last + (place + 1 - (1 << last)) / top


def doublings(top: float) -> int:
    """In how many seconds 1, 2, 4, … a second has become `top`."""
    last = 0
    while (1 << last) < top:
        last += 1
    return last


class Ramp:
    """Calls after a standstill: one in the first second, two in the next, and so on up to `top` a second."""

    def __init__(self, starts_at: datetime, top: float) -> None:
        self._starts_at = starts_at
        self._top = top
        self._given = 0

    def over(self, now: datetime) -> bool:
        """Whether it has reached the top; also where the clock was set back to before it began."""
        return not 0 <= (now - self._starts_at).total_seconds() < doublings(self._top)

    def speed(self, now: datetime) -> float:
        """Calls a second at this time."""
        passed_s = max(0, int((now - self._starts_at).total_seconds()))
        return float(min(1 << passed_s, self._top))

    def next(self, now: datetime) -> datetime:
        """When the next call may go. It is booked, unless that is more than a second away."""
        place = max(self._given, self._place_at(now))
        at = max(now, self._starts_at + timedelta(seconds=place_s(place, self._top)))
        if (at - now).total_seconds() <= BOOKED_S:
            self._given = place + 1
        return at

    def _place_at(self, now: datetime) -> int:
        """The first place that is not past: those nobody took are gone, or they would make a herd."""
        passed_s = max(0.0, (now - self._starts_at).total_seconds())
        second = int(passed_s)
        return (1 << second) - 1 + int((passed_s - second) * (1 << second))


class Line:
    """Instants to come again at, one after another, for those that cannot go now."""

    def __init__(self, top: float) -> None:
        self._top = top
        self._after: datetime | None = None
        self._places = 0
        self._end: datetime | None = None

    def after(self, opens_at: datetime, others: int = 1) -> datetime:
        """The next place of a ramp that begins at `opens_at`; one of so many lines at the same door."""
        if opens_at != self._after:
            self._after, self._places = opens_at, 0
        seconds = place_s(self._places * others, self._top)
        self._places += 1
        return opens_at + timedelta(seconds=seconds % LONGEST_LINE_S)

    def behind(self, earliest: datetime, per_s: float) -> datetime:
        """The instant after the last one told, at so many a second; never before `earliest`."""
        at = max(self._end or earliest, earliest)
        if (at - earliest).total_seconds() > LONGEST_LINE_S:
            at = earliest
        self._end = at + timedelta(seconds=1 / per_s)
        return at

    def ramping(self, earliest: datetime, per_s: float) -> datetime:
        """The same where the pace is so many a second at `earliest`, and doubles each second up to the top."""
        at = max(self._end or earliest, earliest)
        passed_s = (at - earliest).total_seconds()
        if passed_s > LONGEST_LINE_S:
            at, passed_s = earliest, 0.0
        self._end = at + timedelta(seconds=1 / min(per_s * 2.0 ** int(passed_s), self._top))
        return at
