"""Delays after each attempt."""

from __future__ import annotations

from itertools import islice

import pytest

from engine.retry import NONE, NSPS, POLICIES, STANDARD, delay_s, nominal_delays_s
from engine.settings import RetryPhase, RetryPolicy

HOUR = 3600


def test_standard_doubles_from_5_seconds_to_10_minutes_within_24_hours() -> None:
    delays = list(nominal_delays_s(STANDARD))
    first_day = delays[:149]
    assert first_day[:9] == [5, 10, 20, 40, 80, 160, 320, 600, 600]
    assert set(first_day[7:]) == {600}
    assert sum(first_day) <= 24 * HOUR < sum(first_day) + 600
    assert delays[149] == HOUR


def test_standard_then_doubles_from_1_hour_to_24_hours_within_30_days_more() -> None:
    long = list(nominal_delays_s(STANDARD))[149:]
    assert long == [HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 16 * HOUR] + [24 * HOUR] * 28
    assert sum(long) <= 30 * 24 * HOUR < sum(long) + 24 * HOUR


def test_nsps_makes_100_attempts_1_to_10_minutes_apart_then_goes_on_for_a_month() -> None:
    delays = list(nominal_delays_s(NSPS))
    assert delays[:5] == [60, 120, 240, 480, 600]
    assert delays[:99] == [60, 120, 240, 480] + [600] * 95
    assert sum(delays[:99]) == 965 * 60  # domain.md 4.6: 99 gaps add up to 965 min
    assert delays[99:] == [HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 16 * HOUR] + [24 * HOUR] * 28


def test_none_never_tries_again() -> None:
    assert delay_s(NONE, 1, 5) is None


def test_the_policies_are_known_by_their_names() -> None:
    assert {name: policy.name for name, policy in POLICIES.items()} == {n: n for n in ("standard", "nsps", "none")}


def test_attempts_counts_the_first_one_too() -> None:
    thrice = RetryPolicy(name="x", main=RetryPhase(first_s=1, factor=1, max_s=9, attempts=3))
    assert [delay_s(thrice, n, 1) is None for n in (1, 2, 3)] == [False, False, True]


def test_a_policy_that_is_used_up_has_no_delay() -> None:
    count = len(list(nominal_delays_s(STANDARD)))
    assert delay_s(STANDARD, count, 1) is not None
    assert delay_s(STANDARD, count + 1, 1) is None


@pytest.mark.parametrize("attempt", [1, 7, 150, 180])
def test_jitter_adds_0_to_10_percent_of_the_nominal_delay(attempt: int) -> None:
    nominal = next(islice(nominal_delays_s(STANDARD), attempt - 1, None))
    delays = {delay_s(STANDARD, attempt, delivery) for delivery in range(200)}
    assert all(delay is not None and nominal <= delay < nominal * 1.1 for delay in delays)
    assert len(delays) == 200, "each delivery has its own"


def test_the_same_delivery_and_attempt_always_wait_as_long() -> None:
    assert delay_s(STANDARD, 3, 77) == delay_s(STANDARD, 3, 77)


def test_the_first_delay_keeps_to_the_largest() -> None:
    policy = RetryPolicy(name="x", main=RetryPhase(first_s=60, factor=2, max_s=30, attempts=3))
    assert list(nominal_delays_s(policy)) == [30, 30]
