"""Endings to outcomes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from scripted import NOW, catalog, event, pipeline, step

from engine.delivery import Ending, Outcome, Work
from engine.record import record
from engine.retry import NONE, STANDARD, delay_s
from engine.settings import RetryPolicy

ENDED = NOW + timedelta(seconds=3)


def recorded(ending: Ending, attempt: int = 1, policy: RetryPolicy = STANDARD) -> Outcome:
    flow = pipeline(step("x"))
    work = Work(delivery_id=12, event=event(), pipeline=flow, catalog=catalog(flow), attempt=attempt, now=NOW, seed="s")
    return record(ending, work, policy, ENDED)


@pytest.mark.parametrize("kind", ["delivered", "skipped", "failed"])
def test_a_final_ending_is_its_state(kind: Any) -> None:
    outcome = recorded(Ending(kind=kind, reason="why"))
    assert (outcome.state, outcome.reason, outcome.due_at, outcome.attempt_used) == (kind, "why", None, True)


def test_a_retry_waits_for_the_policys_delay_from_when_the_attempt_ended() -> None:
    outcome = recorded(Ending(kind="retry", reason="HTTP 503"), attempt=4)
    assert outcome.state == "waiting"
    assert outcome.due_at == ENDED + timedelta(seconds=delay_s(STANDARD, 4, 12) or 0)


def test_retry_after_is_the_least_delay() -> None:
    assert recorded(Ending(kind="retry", retry_after_s=900.0)).due_at == ENDED + timedelta(seconds=900)


def test_a_shorter_retry_after_does_not_shorten_the_policy() -> None:
    outcome = recorded(Ending(kind="retry", retry_after_s=1.0), attempt=4)
    assert outcome.due_at == ENDED + timedelta(seconds=delay_s(STANDARD, 4, 12) or 0)


def test_a_delivery_that_has_used_up_its_policy_fails_and_says_for_how_long_it_tried() -> None:
    outcome = recorded(Ending(kind="retry", reason="HTTP 503 from a.b"), attempt=183)
    assert outcome.state == "failed"
    assert outcome.due_at is None
    assert outcome.reason == "gave up after 183 attempts over 30 d: HTTP 503 from a.b"


def test_without_retries_the_first_reason_stands_alone() -> None:
    outcome = recorded(Ending(kind="retry", reason="HTTP 503 from a.b"), policy=NONE)
    assert (outcome.state, outcome.reason) == ("failed", "HTTP 503 from a.b")


def test_a_wait_uses_no_attempt_and_is_spread_by_less_than_a_second_more() -> None:
    until = ENDED + timedelta(seconds=30)
    outcome = recorded(Ending(kind="wait", reason="limit", wait_until=until), attempt=5)
    assert (outcome.state, outcome.attempt_used, outcome.reason) == ("waiting", False, "limit")
    assert outcome.due_at is not None
    assert until <= outcome.due_at < until + timedelta(seconds=1)


def test_a_wait_that_is_over_already_does_not_spin() -> None:
    outcome = recorded(Ending(kind="wait", wait_until=NOW - timedelta(hours=1)))
    assert outcome.due_at is not None
    assert outcome.due_at >= ENDED + timedelta(seconds=1)


def test_a_wait_without_retries_is_still_a_wait() -> None:
    assert recorded(Ending(kind="wait", wait_until=ENDED), policy=NONE).state == "waiting"
