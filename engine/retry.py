"""Attempt number to delay. No clock; the jitter is a hash of delivery and attempt."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import islice

from engine.settings import RetryPhase, RetryPolicy

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
JITTER = 0.1

STANDARD = RetryPolicy(
    name="standard",
    main=RetryPhase(first_s=5, factor=2, max_s=600, for_s=DAY_S),
    long=RetryPhase(first_s=HOUR_S, factor=2, max_s=DAY_S, for_s=30 * DAY_S),
)
NSPS = RetryPolicy(  # domain.md 4.6: 100 attempts, 1 to 10 min apart, then 1, 2, 4, 8, 16, 24 h … for a month
    name="nsps",
    main=RetryPhase(first_s=60, factor=2, max_s=600, attempts=100),
    long=RetryPhase(first_s=HOUR_S, factor=2, max_s=DAY_S, for_s=30 * DAY_S),
)
NONE = RetryPolicy(name="none")
POLICIES = {policy.name: policy for policy in (STANDARD, NSPS, NONE)}


def delay_s(policy: RetryPolicy, attempt: int, delivery_id: int) -> float | None:
    """Seconds to wait after attempt number `attempt` (from 1), None when the policy is used up.

    0-10 % above the nominal delay, always the same for the same delivery and attempt.
    """
    nominal = next(islice(nominal_delays_s(policy), attempt - 1, None), None)
    if nominal is None:
        return None
    return nominal * (1 + JITTER * spread(f"{delivery_id}/{attempt}"))


def nominal_delays_s(policy: RetryPolicy) -> Iterator[float]:
    """The delays without jitter: after the first attempt, the second, and so on, until the policy is used up."""
    if policy.main is not None:
        # `attempts` of the first phase counts the very first attempt too: `attempts: 3` makes three in all
        yield from _delays_s(policy.main, None if policy.main.attempts is None else policy.main.attempts - 1)
    if policy.long is not None:
        yield from _delays_s(policy.long, policy.long.attempts)


def _delays_s(phase: RetryPhase, most: int | None) -> Iterator[float]:
    delay, spent, count = min(phase.first_s, phase.max_s), 0.0, 0
    while (most is None or count < most) and (phase.for_s is None or spent + delay <= phase.for_s):
        yield delay
        spent, count = spent + delay, count + 1
        delay = min(delay * phase.factor, phase.max_s)


def spread(seed: str) -> float:
    """A number in [0, 1) derived from `seed`."""
    return int.from_bytes(hashlib.blake2b(seed.encode(), digest_size=8).digest(), "big") / 2**64
