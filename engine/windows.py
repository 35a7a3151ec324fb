"""Times at which a system is not to be called: by the clock on the wall of its place, also where that clock jumps.

A window begins at the first instant at which the wall shows `from`, and ends at the last at which it shows `to`: where an hour
comes twice, both are in it; a time that is left out in spring is where the clock jumps. `days` are those it begins on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from engine.connector import Window

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LOOK_AHEAD_D = 8  # each window begins at least once a week; zones change by a day at most
MINUTE = timedelta(minutes=1)


def in_force(windows: Sequence[Window], now: datetime) -> datetime | None:
    """When the windows that are in force now end, those that follow without a gap included; None when none is."""
    until = now
    spans = sorted(_spans(windows, now))
    for begins_at, ends_at in spans:
        if begins_at <= until < ends_at:
            until = ends_at
    return until if until > now else None


def next_start(windows: Sequence[Window], now: datetime) -> datetime | None:
    """When the next window begins; None without windows."""
    return min((begins_at for begins_at, _ in _spans(windows, now) if begins_at > now), default=None)


def changes_at(windows: Iterable[Window], now: datetime) -> datetime | None:
    """The next instant at which a window begins or ends."""
    instants = (instant for span in _spans(windows, now) for instant in span)
    return min((instant for instant in instants if instant > now), default=None)


def in_words(window: Window) -> str:
    """`sat, sun 22:00-04:00 Europe/Kyiv`; every day: `22:00-04:00 UTC`."""
    days = "" if set(window.days) == set(DAYS) else ", ".join(window.days) + " "
    ends = "24:00" if window.to == time(0, 0) else f"{window.to:%H:%M}"
    return f"{days}{window.from_:%H:%M}-{ends} {window.zone}"


def _spans(windows: Iterable[Window], now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Begin and end of all that may matter now, in UTC. One that the clock jumps over altogether is none."""
    for window in windows:
        zone = ZoneInfo(window.zone)
        today = now.astimezone(zone).date()
        for ahead in range(-2, LOOK_AHEAD_D + 1):
            day = today + timedelta(days=ahead)
            if DAYS[day.weekday()] in window.days:
                last_day = day if window.to > window.from_ else day + timedelta(days=1)
                begins_at, ends_at = _first(day, window.from_, zone), _last(last_day, window.to, zone)
                if begins_at < ends_at:
                    yield begins_at, ends_at


def _first(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The first instant at which the wall shows this time or, where it is left out, a later one."""
    wall = datetime.combine(day, at)
    instant = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    return instant if _shows(instant, wall, zone) else _jump(wall, zone)


def _last(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The last instant at which the wall shows this time or, where it is left out, the jump."""
    wall = datetime.combine(day, at)
    instant = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return instant if _shows(instant, wall, zone) else _jump(wall, zone)


def _shows(instant: datetime, wall: datetime, zone: ZoneInfo) -> bool:
    return instant.astimezone(zone).replace(tzinfo=None) == wall


def _jump(wall: datetime, zone: ZoneInfo) -> datetime:
    """Where the clock jumps over this time. PEP 495: fold 0 reads it by the offset before, fold 1 by the one after."""
    early = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    late = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    while late - early > MINUTE:
        middle = early + (late - early) / 2
        before = middle.astimezone(zone).replace(tzinfo=None) < wall
        early, late = (middle, late) if before else (early, middle)
    return late.replace(second=0, microsecond=0)
