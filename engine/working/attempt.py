"""One attempt of one claimed delivery: journey, record, store.

Whatever happens here concerns this delivery alone. A fault of the world is in the ending; a claim that was lost is left to
whoever holds it now; a bug of ours ends the delivery `failed`, with its traceback in the log, and the worker goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal, Protocol

import structlog

from engine.catalog import Catalog
from engine.clock import Clock
from engine.delivery import Ending, OnceKey, OnceNote, Outcome, StepDone, Work
from engine.errors import ClaimLost, StoreUnavailable
from engine.journey import journey
from engine.pipeline import Pipeline
from engine.record import record
from engine.request import Call, Reply, Send
from engine.retry import NONE, POLICIES
from engine.settings import RetryPolicy
from engine.storage.protocol import Claimed, Claims, Finished
from engine.value import value
from engine.working.encoding import Written
from engine.working.heartbeat import Heartbeat

STORE_AGAIN_S = 1.0

log = structlog.get_logger("nsps.delivery")


class Encode(Protocol):
    """Makes what is stored of an attempt: masked, bounded JSON."""

    def attempt(self, ending: Ending, /) -> Written:
        """All that it saw and decided, and the replies of its reads, which `nsps diff` runs on."""

    def reason(self, ending: Ending, /) -> str:
        """Its reason, without secrets: systems like to repeat what they were sent."""


@value
class Ended:
    """How an attempt ended and what was stored. `outcome` None: the claim was lost, and the delivery is another's."""

    ending: Ending
    outcome: Outcome | None
    released: tuple[int, ...] = ()


class Attempts:
    """Makes attempts. `send` is the exchange's, `encode` makes what is stored of one.
    `why_not` says what holds a pipeline. `answered` is told when the world has answered and nothing is stored yet."""

    def __init__(  # noqa: PLR0913 - everything an attempt touches
        self,
        *,
        catalog: Catalog,
        store: Claims,
        send: Send,
        encode: Encode,
        clock: Clock,
        heartbeat: Heartbeat,
        why_not: Callable[[str], str | None] = lambda _pipeline: None,
        answered: Callable[[], None] = lambda: None,
    ) -> None:
        self._catalog = catalog
        self._store = store
        self._send = send
        self._encode = encode
        self._clock = clock
        self._heartbeat = heartbeat
        self._why_not = why_not
        self._answered = answered

    async def make(self, claimed: Claimed) -> Ended:
        """One attempt, stored. Returns what came of it; raises nothing but cancellation."""
        gaps = self._heartbeat.gaps
        pipeline = self._catalog.pipelines.get(claimed.pipeline)
        if pipeline is None or pipeline.off is not None:
            return await self._not_here(claimed)
        work = self._work(claimed, pipeline)
        ending = await self._journey(work, claimed, gaps)
        if ending.reason:
            ending = replace(ending, reason=self._encode.reason(ending))
        self._answered()
        outcome = self._outcome(ending, work, claimed.policy_off)
        return await self._ended(claimed, outcome, work.now)

    async def _not_here(self, claimed: Claimed) -> Ended:
        """The configuration changed while it was claimed: it waits, as those do that were not."""
        now = self._clock.now()
        reason = self._why_not(claimed.pipeline) or f"pipeline {claimed.pipeline} is unknown here"
        ending = Ending(kind="wait", reason=reason, wait_until=now)
        outcome = Outcome(state="waiting", reason=reason, due_at=now, attempt_used=False, ending=ending)
        return await self._ended(claimed, while_sender_waits(outcome) if claimed.policy_off else outcome, now)

    async def _ended(self, claimed: Claimed, outcome: Outcome, started_at: datetime) -> Ended:
        released = await self._finish(claimed, outcome, started_at)
        if released is None:
            return Ended(ending=outcome.ending, outcome=None)
        tell(claimed, outcome)
        return Ended(ending=outcome.ending, outcome=outcome, released=released)

    def _work(self, claimed: Claimed, pipeline: Pipeline) -> Work:
        return Work(
            delivery_id=claimed.delivery_id,
            event=claimed.event,
            pipeline=pipeline,
            catalog=self._catalog,
            attempt=claimed.attempts + 1,
            now=self._clock.now(),
            seed=claimed.seed,
            previous_ended_at=claimed.previous_ended_at,
            done=claimed.done,
            resend=claimed.resend,
            assume_done=claimed.assume_done,
        )

    async def _journey(self, work: Work, claimed: Claimed, gaps: int) -> Ending:
        send = Fenced(self._send, self._heartbeat, gaps)
        keep = StoreKeep(self._store, claimed, self._clock, self._heartbeat, gaps)
        try:
            return await journey(work, send, keep)
        except ClaimLost as lost:
            about(claimed).warning("gave the delivery up", why=str(lost))
            return Ending(kind="wait", reason=str(lost), wait_until=self._clock.now())
        except Exception as bug:  # noqa: BLE001 - a bug met by one delivery must not stop the others
            about(claimed).exception("an error of ours ended this delivery; nsps replay sends it again")
            return Ending(kind="failed", ours=True, reason=f"internal error: {type(bug).__name__}: {bug}")

    def _outcome(self, ending: Ending, work: Work, policy_off: bool) -> Outcome:
        policy = NONE if policy_off else self._policy(work)
        outcome = record(ending, work, policy, self._clock.now())
        if policy_off:
            return while_sender_waits(outcome)
        if ending.kind == "wait" and self._why_not(work.pipeline.name) is not None:
            # Held now, so that no claim succeeds: due at once, for it starts when the hold is lifted, whenever that is.
            return replace(outcome, due_at=self._clock.now())
        return outcome

    def _policy(self, work: Work) -> RetryPolicy:
        settings = self._catalog.settings
        name = work.pipeline.retry or settings.retry
        return settings.retries.get(name) or POLICIES[name]

    async def _finish(self, claimed: Claimed, outcome: Outcome, started_at: datetime) -> tuple[int, ...] | None:
        """Ids that may start now; None when the claim was lost. Waits for a store that is away."""
        finished = self._finished(claimed, outcome, started_at)
        waiting = False
        while True:
            try:
                return await self._store_once(claimed, finished, again=waiting)
            except ClaimLost:
                about(claimed).warning("its outcome was not stored: the claim is another's", outcome=outcome.state)
                return None
            except StoreUnavailable as error:
                if not waiting:
                    about(claimed).warning(
                        "the store cannot take the outcome now; it is kept until it can", why=str(error)
                    )
                waiting = True
                await asyncio.sleep(STORE_AGAIN_S)

    async def _store_once(self, claimed: Claimed, finished: Finished, *, again: bool) -> tuple[int, ...]:
        """What `finish` returns. `again`: it failed before, perhaps on the way back only."""
        try:
            return await self._store.finish(finished)
        except ClaimLost:
            if not again or not await self._store.took(finished):
                raise
            about(claimed).info("the store had taken the outcome; only its answer was lost")
            return ()

    def _finished(self, claimed: Claimed, outcome: Outcome, started_at: datetime) -> Finished:
        written = self._encode.attempt(outcome.ending)
        return Finished(
            delivery_id=claimed.delivery_id,
            fence=claimed.fence,
            number=claimed.attempts + 1,
            started_at=started_at,
            ended_at=self._clock.now(),
            outcome=outcome,
            trace=written.trace,
            replies=written.replies,
            search=outcome.ending.trace.search,
            config_hash=self._catalog.hash,
            outdone=claimed.outdone,
        )


class Fenced:
    """A Send that starts nothing unless the claim is surely still this process's."""

    def __init__(self, send: Send, heartbeat: Heartbeat, gaps: int) -> None:
        self._send = send
        self._heartbeat = heartbeat
        self._gaps = gaps

    def __call__(self, call: Call, /) -> Awaitable[Reply]:
        self._heartbeat.fence(self._gaps)
        return self._send(call)


class StoreKeep:
    """What a journey keeps, in the store. While the store is away it waits, until the claim is no longer sure."""

    def __init__(self, store: Claims, claimed: Claimed, clock: Clock, heartbeat: Heartbeat, gaps: int) -> None:
        self._store = store
        self._claimed = claimed
        self._clock = clock
        self._heartbeat = heartbeat
        self._gaps = gaps

    async def done(self, step: StepDone, /) -> None:
        """Durable when it returns. Raises ClaimLost."""
        while True:
            try:
                return await self._store.keep_done(self._claimed.delivery_id, self._claimed.fence, step)
            except StoreUnavailable:
                await self._pause()

    async def intend(self, once: OnceKey, /) -> OnceNote:
        """Noted when it returns. Raises ClaimLost."""
        while True:
            try:
                held = self._claimed
                return await self._store.intend(once, held.delivery_id, held.fence, self._clock.now())
            except StoreUnavailable:
                await self._pause()

    async def settle(self, once: OnceKey, state: Literal["done", "dropped", "unknown"], result: Any = None, /) -> None:
        """Settled when it returns. Raises ClaimLost."""
        while True:
            try:
                return await self._store.settle(once, self._claimed.delivery_id, state, result, self._clock.now())
            except StoreUnavailable:
                await self._pause()

    async def _pause(self) -> None:
        await asyncio.sleep(STORE_AGAIN_S)
        self._heartbeat.fence(self._gaps)


def while_sender_waits(outcome: Outcome) -> Outcome:
    """The outcome when the sender owns the retries: what it was told is an error is `failed`, so its repeat tries again."""
    told_error = outcome.ending.answer is not None and outcome.ending.answer >= 400
    if outcome.state == "waiting" or told_error:
        return replace(outcome, state="failed", due_at=None)
    return outcome


def about(claimed: Claimed) -> Any:
    """A logger whose lines say which delivery they are about."""
    return log.bind(
        event_id=claimed.event.id,
        delivery=claimed.delivery_id,
        pipeline=claimed.pipeline,
        attempt=claimed.attempts + 1,
        trace_id=claimed.event.trace_id,
    )


def tell(claimed: Claimed, outcome: Outcome) -> None:
    """One line about an attempt that did not deliver; the history has the others."""
    if outcome.state == "failed":
        about(claimed).error("failed", why=outcome.reason)
    elif outcome.state == "waiting":
        due_at = outcome.due_at.isoformat() if outcome.due_at else None
        about(claimed).warning("not delivered yet", why=outcome.reason, again_at=due_at)
