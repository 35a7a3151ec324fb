"""One event on its way through one pipeline: Work in, Ending out, Outcome recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from engine.catalog import Catalog
from engine.connector import VerdictKind
from engine.event import Event
from engine.pipeline import Pipeline
from engine.request import Fault
from engine.value import value

State = Literal["waiting", "running", "delivered", "skipped", "superseded", "failed"]
FINAL: frozenset[str] = frozenset({"delivered", "skipped", "superseded", "failed"})
EndingKind = Literal["delivered", "skipped", "failed", "retry", "wait"]
OnceState = Literal["mine", "done", "busy", "unknown"]


@value
class StepDone:
    """A changing call that succeeded: not made again within this delivery while its arguments are the same."""

    step: str
    arguments_sha: str
    verdict: VerdictKind
    case: str | None = None
    status: int | str | None = None
    result: Any = None


@value
class Work:
    """All that one attempt of one delivery needs to know; nothing is looked up on the way.

    `attempt` counts from 1. `now` is store time at the attempt's start. `previous_ended_at` is when the attempt before it
    ended. `seed` makes idempotency keys: the same for all attempts of a delivery, new for a replay.
    """

    delivery_id: int
    event: Event
    pipeline: Pipeline
    catalog: Catalog
    attempt: int
    now: datetime
    seed: str
    previous_ended_at: datetime | None = None
    done: tuple[StepDone, ...] = ()
    resend: frozenset[str] = frozenset()  # `once` steps a person said to send again
    assume_done: frozenset[str] = frozenset()  # `once` steps a person said are done


@dataclass(slots=True, kw_only=True)
class CallTrace:
    """One call as it was made. `request` is as it left, `reply` as it came; both masked and bounded when recorded."""

    connector: str
    operation: str
    step: str
    read_only: bool
    verdict: VerdictKind
    reason: str = ""
    case: str | None = None
    request: Mapping[str, Any] | None = None
    reply: Mapping[str, Any] | None = None
    source: str = "wire"  # wire, cache, script, example; "remembered": succeeded in an earlier attempt, not made again
    took_s: float = 0.0
    idempotency_key: str = ""
    arguments_sha: str = ""


@dataclass(slots=True, kw_only=True)
class EnrichmentTrace:
    name: str  # connector.enrichment
    asked: bool
    why_not: str = ""  # when it was not asked: "`when` is false", "the event brought it"
    verdict: VerdictKind | None = None
    reason: str = ""
    calls: list[CallTrace] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class StepTrace:
    id: str
    call: str  # connector.operation
    verdict: VerdictKind | None = None
    case: str | None = None
    reason: str = ""
    item: Any = None
    index: int | None = None
    calls: list[CallTrace] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Trace:
    """All that an attempt saw and decided, in order, as plain JSON values."""

    enrichments: list[EnrichmentTrace] = field(default_factory=list)
    pb_data: Mapping[str, Any] | None = None
    vars: dict[str, Any] = field(default_factory=dict)
    skipped_by: str = ""  # the text of the skip rule's `when` that held
    search: dict[str, str] = field(default_factory=dict)
    steps: list[StepTrace] = field(default_factory=list)
    secrets: set[str] = field(default_factory=set, repr=False)  # values of `secret: true` arguments, for the masker


@value
class Ending:
    """How an attempt ended. `wait`: nobody's fault, no attempt used, try at `wait_until`.

    `answer`: the status a waiting sender is given, when a rule said so. `fault` and `status` are of the reply that ended
    it, for the error answers of the NSPS role. `ours`: an error of ours (OursFailed), not of the world.
    `unknown_once`: the `once` step whose outcome a person must decide.
    """

    kind: EndingKind
    reason: str = ""
    retry_after_s: float | None = None
    wait_until: datetime | None = None
    answer: int | None = None
    fault: Fault | None = None
    status: int | str | None = None
    ours: bool = False
    unknown_once: str | None = None
    done: tuple[StepDone, ...] = ()
    trace: Trace = field(default_factory=Trace)

    def told(self, reason: str, trace: Trace, done: tuple[StepDone, ...]) -> Ending:
        """The same, with what the attempt saw: dataclasses.replace takes three times as long."""
        return Ending(
            kind=self.kind,
            reason=reason,
            retry_after_s=self.retry_after_s,
            wait_until=self.wait_until,
            answer=self.answer,
            fault=self.fault,
            status=self.status,
            ours=self.ours,
            unknown_once=self.unknown_once,
            done=done,
            trace=trace,
        )


@value
class Outcome:
    """What is written when an attempt ended: the state, and when to try again.

    `attempt_used` is False for a wait. `due_at` only for state `waiting`.
    """

    state: State
    reason: str = ""
    due_at: datetime | None = None
    attempt_used: bool = True
    ending: Ending


@dataclass(frozen=True, slots=True, kw_only=True)
class OnceKey:
    pipeline: str
    step: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OnceNote:
    """What is noted of a `once` call. `mine`: noted just now, go on. `busy`: another delivery is at it now."""

    state: OnceState
    delivery_id: int | None = None
    at: datetime | None = None
    result: Any = None


class Keep(Protocol):
    """What the journey makes durable as it goes. Each returns when it is; each raises ClaimLost if the claim is gone."""

    async def done(self, step: StepDone, /) -> None:
        """Keeps a finished step, so that no later attempt repeats it."""

    async def intend(self, once: OnceKey, /) -> OnceNote:
        """Notes that a `once` call is about to be sent, unless it was noted before; says which."""

    async def settle(self, once: OnceKey, state: Literal["done", "dropped", "unknown"], result: Any = None, /) -> None:
        """`done`: it happened. `dropped`: it did not, it may be sent again. `unknown`: a person decides."""


@value
class Routed:
    """One pipeline that takes an event: the delivery to be made.

    `lane` None: not ordered. `position_time` is the event's time, never ahead of receipt. `failed` holds the reason when an
    expression of `when` or `order` fails on this event: the delivery is stored as `failed`, visible, replayable.
    """

    pipeline: str
    lane: str | None = None
    mode: Literal["strict", "latest"] = "strict"
    position_time: datetime
    position_event: int = 0
    failed: str | None = None


@value
class NotTaken:
    """Why a pipeline does not take an event, in words: "event type", "`when` is false", "off: WTL_API_URL is not set"."""

    pipeline: str
    reason: str


@value
class Routing:
    taken: Sequence[Routed]
    not_taken: Sequence[NotTaken]
