"""Step 8: what happened to the outcome that is written, and when to try again."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice

from engine.delivery import Ending, Outcome, Work
from engine.retry import DAY_S, HOUR_S, delay_s, nominal_delays_s, spread
from engine.settings import RetryPolicy

SHORTEST_WAIT_S = 1.0  # a wait that is already over must not spin
WAIT_SPREAD_S = 1.0


def record(ending: Ending, work: Work, policy: RetryPolicy, ended_at: datetime) -> Outcome:
    """The state to store. A retry waits for the policy's delay or what the reply asked for, whichever is longer."""
    if ending.kind == "wait":
        return Outcome(
            state="waiting",
            reason=ending.reason,
            due_at=_wait_until(ending, work.delivery_id, ended_at),
            attempt_used=False,
            ending=ending,
        )
    if ending.kind != "retry":
        return Outcome(state=ending.kind, reason=ending.reason, ending=ending)
    delay = delay_s(policy, work.attempt, work.delivery_id)
    if delay is None:
        return Outcome(state="failed", reason=_gave_up(ending, work, policy), ending=ending)
    due_at = ended_at + timedelta(seconds=max(delay, ending.retry_after_s or 0.0))
    return Outcome(state="waiting", reason=ending.reason, due_at=due_at, ending=ending)


def _wait_until(ending: Ending, delivery_id: int, ended_at: datetime) -> datetime:
    """Not before the instant asked for; spread, so that all who wait for one thing do not come at once."""
    earliest = ended_at + timedelta(seconds=SHORTEST_WAIT_S)
    return max(ending.wait_until or earliest, earliest) + timedelta(seconds=WAIT_SPREAD_S * spread(str(delivery_id)))


def _gave_up(ending: Ending, work: Work, policy: RetryPolicy) -> str:
    if work.attempt == 1:
        return ending.reason
    spent_s = sum(islice(nominal_delays_s(policy), work.attempt - 1))
    return f"gave up after {work.attempt} attempts over {_lasting(spent_s)}: {ending.reason}"


def _lasting(seconds: float) -> str:
    for unit, length_s in (("d", DAY_S), ("h", HOUR_S), ("min", 60.0)):
        if seconds >= length_s:
            return f"{round(seconds / length_s)} {unit}"
    return f"{round(seconds)} s"
