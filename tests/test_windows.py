"""Times at which a system is not called, by the clock on the wall of its place."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest

from engine.connector import Window
from engine.windows import changes_at, in_force, in_words, next_start

KYIV = "Europe/Kyiv"  # UTC+2, +3 in summer: 2026-03-29 03:00 becomes 04:00, 2026-10-25 04:00 becomes 03:00


def window(from_: str, to: str, *days: str, zone: str = KYIV) -> Window:
    named = {"days": days} if days else {}
    return Window(from_=time.fromisoformat(from_), to=time.fromisoformat(to), zone=zone, **named)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def spans(one: Window, begin: str, days: int) -> list[tuple[str, str]]:
    """Begin and end of each time it is in force, minute by minute."""
    found, before, start = [], False, utc(begin)
    for minute in range(days * 1440):
        now = start + timedelta(minutes=minute)
        is_ = in_force([one], now) is not None
        if is_ and not before:
            began_at = now
        if before and not is_:
            found.append((f"{began_at:%m-%d %H:%M}", f"{now:%m-%d %H:%M}"))
        before = is_
    return found


SUNDAY = window("02:00", "04:00", "sun")


def test_it_is_in_force_on_its_days_from_its_beginning_to_before_its_end() -> None:
    assert in_force([SUNDAY], utc("2026-01-04T00:00")) == utc("2026-01-04T02:00")
    assert in_force([SUNDAY], utc("2026-01-04T01:59:59.999999")) == utc("2026-01-04T02:00")
    for other in ("2026-01-03T23:59:59.999999", "2026-01-04T02:00", "2026-01-05T00:30"):
        assert in_force([SUNDAY], utc(other)) is None


def test_the_next_one_begins_on_the_next_of_its_days() -> None:
    assert next_start([SUNDAY], utc("2026-01-04T00:00")) == utc("2026-01-11T00:00")
    assert next_start([SUNDAY], utc("2026-01-03T23:59")) == utc("2026-01-04T00:00")
    assert next_start([], utc("2026-01-04T00:00")) is None


def test_one_over_midnight_belongs_to_the_day_it_begins_on() -> None:
    night = window("23:00", "01:30", "sat", zone="UTC")
    assert spans(night, "2026-01-01T00:00", 14) == [("01-03 23:00", "01-04 01:30"), ("01-10 23:00", "01-11 01:30")]


def test_a_whole_day_lasts_from_midnight_to_midnight_of_its_place() -> None:
    day = window("00:00", "00:00", "wed")
    assert spans(day, "2026-01-05T00:00", 5) == [("01-06 22:00", "01-07 22:00")]


def test_windows_that_follow_each_other_are_one() -> None:
    both = [
        window("02:00", "04:00", zone="UTC"),
        window("03:30", "06:00", zone="UTC"),
        window("06:00", "06:30", zone="UTC"),
    ]
    assert in_force(both, utc("2026-01-04T02:00")) == utc("2026-01-04T06:30")


def test_where_the_clock_jumps_ahead_a_window_is_as_much_shorter() -> None:
    assert spans(window("02:00", "05:00"), "2026-03-28T12:00", 1) == [("03-29 00:00", "03-29 02:00")]


def test_a_time_that_is_left_out_is_where_the_clock_jumps() -> None:
    assert spans(window("03:30", "05:00"), "2026-03-28T12:00", 1) == [("03-29 01:00", "03-29 02:00")]
    assert spans(window("02:00", "03:30"), "2026-03-28T12:00", 1) == [("03-29 00:00", "03-29 01:00")]


def test_a_window_that_is_left_out_altogether_is_none_that_day() -> None:
    assert spans(window("03:15", "03:45"), "2026-03-28T12:00", 2) == [("03-30 00:15", "03-30 00:45")]


def test_where_an_hour_comes_twice_a_window_lasts_through_both() -> None:
    assert spans(window("02:00", "03:30"), "2026-10-24T12:00", 1) == [("10-24 23:00", "10-25 01:30")]
    assert spans(window("03:15", "03:45"), "2026-10-24T12:00", 1) == [("10-25 00:15", "10-25 01:45")]
    assert spans(window("02:00", "05:00"), "2026-10-24T12:00", 1) == [("10-24 23:00", "10-25 03:00")]


def test_a_place_a_day_ahead_of_utc_has_its_own_days() -> None:
    assert in_force([window("00:00", "01:00", "sun", zone="Pacific/Kiritimati")], utc("2026-01-03T10:30")) is not None
    assert in_force([window("23:00", "00:00", "sat", zone="Pacific/Niue")], utc("2026-01-04T10:30")) is not None


@pytest.mark.parametrize("zone", [KYIV, "America/New_York", "Australia/Lord_Howe", "UTC"])
def test_for_two_years_the_next_change_is_always_ahead_and_at_most_a_week_away(zone: str) -> None:
    one, now = window("01:45", "02:15", "sun", zone=zone), utc("2026-01-01T00:00")
    for _ in range(2 * 52 * 2 - 8):
        change = changes_at([one], now)
        assert change is not None
        assert timedelta(0) < change - now <= timedelta(days=14)
        before, after = (in_force([one], change + timedelta(seconds=s)) is not None for s in (-1, 0))
        assert before != after
        now = change


def test_in_words_it_says_days_hours_and_place() -> None:
    assert in_words(SUNDAY) == "sun 02:00-04:00 Europe/Kyiv"
    assert in_words(window("22:00", "00:00", zone="UTC")) == "22:00-24:00 UTC"
