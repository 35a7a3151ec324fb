"""No refusal hides behind another in the log, and nobody can fill it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from engine.receiving.telling import MOST_KINDS, OTHERS, Telling, kind_of_reason


class Loop:
    """Time that passes when told to; how many timers live."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.timers: list[Timer] = []

    def time(self) -> float:
        return self.now_s

    def call_later(self, delay: float, callback: Callable[[], None], /) -> asyncio.TimerHandle:
        self.timers.append(Timer(self, self.now_s + delay, callback))
        return cast(asyncio.TimerHandle, self.timers[-1])

    def passes(self, seconds: float) -> None:
        self.now_s += seconds
        for timer in [one for one in self.timers if one.at_s <= self.now_s]:
            timer.callback()


class Timer:
    def __init__(self, loop: Loop, at_s: float, callback: Callable[[], None]) -> None:
        self.loop, self.at_s, self.callback = loop, at_s, callback

    def cancel(self) -> None:
        self.loop.timers.remove(self)


@pytest.fixture
def loop() -> Loop:
    return Loop()


def told(telling: Telling, *kinds: str) -> list[dict[str, Any]]:
    with capture_logs() as logs:
        for kind in kinds:
            telling.tell(kind, "refused", why=kind)
    return cast(list[dict[str, Any]], logs)


def test_each_kind_is_told_at_once_with_its_own_reason(loop: Loop) -> None:
    telling = Telling(loop)
    assert [line["why"] for line in told(telling, "NaN", "empty", "twice")] == ["NaN", "empty", "twice"]
    assert loop.timers == [], "nothing is held back"


def test_what_repeats_is_told_when_its_minute_ends_even_if_nothing_follows(loop: Loop) -> None:
    telling = Telling(loop)
    assert len(told(telling, "NaN", *["NaN"] * 5, "empty", "empty")) == 2
    assert len(loop.timers) == 1
    with capture_logs() as logs:
        loop.passes(60)
    assert [(line["times"], line["kinds"]) for line in logs] == [(6, {"NaN": 5, "empty": 1})]
    assert loop.timers == []
    assert [line["why"] for line in told(telling, "NaN")] == ["NaN"], "the next minute tells its first at once"


def test_what_is_held_back_is_told_at_the_end_of_the_process(loop: Loop) -> None:
    telling = Telling(loop)
    told(telling, "NaN", "NaN")
    with capture_logs() as logs:
        telling.flush()
        telling.flush()
    assert [line["kinds"] for line in logs] == [{"NaN": 1}]
    assert loop.timers == []


def test_a_minute_has_a_bounded_number_of_lines_however_many_kinds_there_are(loop: Loop) -> None:
    telling = Telling(loop)
    kinds = [f"kind {number}" for number in range(1000)]
    assert len(told(telling, *kinds, *kinds)) == MOST_KINDS
    with capture_logs() as logs:
        loop.passes(60)
    (line,) = logs
    assert line["times"] == 2000 - MOST_KINDS
    assert len(line["kinds"]) == MOST_KINDS + 1 and OTHERS in line["kinds"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("the key 'a' stands twice in one object", 'the key "it\'s" stands twice in one object'),
        ("the number 123 does not fit 64 bits", "the number 99999 does not fit 64 bits"),
        ("nothing is received at /a; receivers: /espf", "nothing is received at /b/c; receivers: /espf"),
        ("the body is not JSON: x, line 1 column 5", "the body is not JSON: x, line 7 column 31"),
    ],
)
def test_what_a_sender_can_vary_makes_no_kind(one: str, other: str) -> None:
    assert kind_of_reason(one) == kind_of_reason(other)


def test_kinds_keep_what_tells_them_apart() -> None:
    assert kind_of_reason("`event_type` is missing; text such as SIM/Updated is expected").endswith(
        "SIM/Updated is expected"
    )
    assert kind_of_reason("the body is not JSON: it is empty") != kind_of_reason(
        "the body is not JSON: it is not UTF-8"
    )
