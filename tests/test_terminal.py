"""What people read: durations and instants as they say them, columns that stand, colours only for those who want them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from engine.terminal import COLOURS, instant, lasting, plain, several, state, strong, table


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "0 ms"),
        (0.0004, "0 ms"),
        (0.85, "850 ms"),
        (0.9996, "1 s"),
        (1, "1 s"),
        (59.7, "1 min"),
        (60, "1 min"),
        (119, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (12_000, "3 h 20 min"),
        (86_400, "1 d"),
        (187_200, "2 d 4 h"),
        (30 * 86_400, "30 d"),
    ],
)
def test_a_duration_is_told_as_people_say_it(seconds: float, told: str) -> None:
    assert lasting(seconds) == told


def test_an_instant_is_utc_and_says_so() -> None:
    assert instant(datetime(2026, 3, 1, 12, 0, 5, 999, tzinfo=UTC)) == "2026-03-01 12:00:05Z"
    assert instant(None) == "-"


def test_columns_stand_whatever_is_coloured() -> None:
    lines = [plain(line) for line in table(("A", "B"), [(state("failed"), "x"), ("running for long", strong("y"))])]
    assert lines == ["A                 B", "failed            x", "running for long  y"]


def test_wide_characters_take_the_room_they_take() -> None:
    lines = table(("A", "B"), [("日本", "x"), ("abcd", "y")])
    assert [plain(line) for line in lines][1:] == ["日本  x", "abcd  y"]


def test_one_and_several() -> None:
    assert [several(number, "file") for number in (0, 1, 2)] == ["0 files", "1 file", "2 files"]


def test_every_state_has_a_colour_and_plain_takes_it_off() -> None:
    for word in ("waiting", "running", "delivered", "skipped", "superseded", "failed", "unrouted", "paused", "held"):
        assert word in COLOURS and plain(state(word)) == word
