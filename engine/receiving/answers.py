"""What a waiting sender is told: an ending to an HTTP status and the documented body (domain.md 5.2).

The sender is PortaOne's NSPS; it repeats whatever is not 2xx, and people read the rest in its event history.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.delivery import Ending
from engine.value import value

AUTHENTICATION = "AUTHENTICATION_ERROR"
VALIDATION = "VALIDATION_ERROR"
RATE_LIMIT = "RATE_LIMIT_ERROR"
SERVICE = "SERVICE_ERROR"
CONNECTION = "CONNECTION_ERROR"
INTERNAL = "INTERNAL_ERROR"

# The documented pairs; other codes fall to their class.
DOCUMENTED: Mapping[int, tuple[str, str]] = {
    401: ("Invalid access token", AUTHENTICATION),
    403: ("Invalid access token", AUTHENTICATION),
    404: ("Resource not found", VALIDATION),
    405: ("Method not allowed", VALIDATION),
    413: ("Request too large", VALIDATION),
    422: ("Validation failed", VALIDATION),
    429: ("Too many requests to API Core", RATE_LIMIT),
    500: ("API Core HTTP error", SERVICE),
    503: ("Core service is not available", CONNECTION),
}


@value
class Answer:
    """What goes back: a status and a JSON body. `retry_after_s`: when repeating makes sense."""

    status: int
    body: Mapping[str, Any]
    retry_after_s: int | None = None
    headers: Sequence[tuple[bytes, bytes]] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """How one pipeline's part ended, in the words of an answer. `ending` None: it never started; `reason` says why."""

    pipeline: str
    state: str  # delivered, skipped, superseded, failed
    reason: str = ""
    ending: Ending | None = None


def accepted(message: str) -> Answer:
    """202 and one sentence."""
    return Answer(status=202, body={"message": message})


def refused(status: int, error: str, kind: str | None = None, details: Sequence[Any] | None = None) -> Answer:
    """The documented error body of this status; `kind` where the status alone does not say it."""
    message, documented = DOCUMENTED.get(status) or (
        ("Request refused", VALIDATION) if status < 500 else ("API Core HTTP error", SERVICE)
    )
    body: dict[str, Any] = {"message": message, "error": error or message, "type": kind or documented}
    if details:
        body["details"] = list(details)
    headers = ((b"www-authenticate", b"Bearer"),) if status == 401 else ()
    return Answer(status=status, body=body, retry_after_s=5 if status == 503 else None, headers=headers)


def internal(error: str) -> Answer:
    """500 for a fault of ours, which repeating alone does not cure."""
    body = {"message": "Internal server error", "error": error, "type": INTERNAL}
    return Answer(status=500, body=body)


def answer_of(event_type: str, said: Sequence[Said]) -> Answer:
    """What the sender is told when all pipelines are through: 2xx only when every one ended well."""
    if not said:
        return accepted(f"Event ignored: no pipeline takes {event_type}")
    bad = [one for one in said if _is_bad(one)]
    return _bad_answer(bad[0]) if bad else _good_answer(said)


def _is_bad(one: Said) -> bool:
    ruled = one.ending.answer if one.ending else None
    return one.state not in ("delivered", "skipped", "superseded") or (ruled is not None and ruled >= 400)


def _good_answer(said: Sequence[Said]) -> Answer:
    parts = [f"{one.pipeline}: {one.state}" + (f" ({one.reason})" if one.reason else "") for one in said]
    states = {one.state for one in said}
    lead = f"Event {states.pop()}" if len(states) == 1 else "Event processed"
    ruled = [one.ending.answer for one in said if one.ending and one.ending.answer is not None]
    status = ruled[0] if ruled and 200 <= ruled[0] < 300 else 202
    return Answer(status=status, body={"message": f"{lead}. {'; '.join(parts)}"})


def _bad_answer(one: Said) -> Answer:
    ending = one.ending
    error = f"{one.pipeline}: {one.reason or 'failed'}"
    if ending is None:
        return refused(503, error)
    if ending.answer is not None:
        return refused(ending.answer, error)
    if ending.kind == "wait" or ending.fault in ("connect", "timeout", "lost"):
        return refused(503, error)
    if ending.kind == "retry":
        return refused(429 if ending.status == 429 else 500, error)
    return internal(error) if ending.ours else refused(422, error)
