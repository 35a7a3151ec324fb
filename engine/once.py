"""`once`: one call per pipeline, step and key, ever. Noted before it is sent; an unknown outcome is for a person to decide."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Literal

from engine.connector import Step
from engine.delivery import Keep, OnceKey, OnceNote, Work
from engine.dispatch import Perform
from engine.errors import OursFailed, Wait
from engine.expressions.expression import Expression
from engine.leg import Leg
from engine.scalar import key_text
from engine.verdict import Verdict

BUSY_S = 5.0

Settled = Literal["done", "dropped", "unknown"]


@dataclass(frozen=True, slots=True)
class Once:
    """Performs steps by `perform`; those with `once` only if they never were."""

    perform: Perform
    work: Work
    keep: Keep

    async def __call__(self, step: Step, scope: dict[str, Any], leg: Leg) -> Verdict:
        """The step's verdict. `skip` when its one call was made by another delivery; Wait while one is at it."""
        if step.once is None:
            return await self.perform(step, scope, leg)
        key = OnceKey(pipeline=self.work.pipeline.name, step=step.id, key=_key(step.once, scope))
        earlier = await self._noted(key)
        return earlier if earlier is not None else await self._made(key, step, scope, leg)

    async def _noted(self, key: OnceKey) -> Verdict | None:
        """Notes the intent. None: go on; else what stands in the call's place."""
        note = await self.keep.intend(key)
        if note.state == "unknown" and key.step in self.work.resend and note.delivery_id != self.work.delivery_id:
            await self.keep.settle(key, "dropped")  # a person said to send it again: once, by this delivery
            note = await self.keep.intend(key)
        if note.state == "busy":
            reason = f"step {key.step}: delivery {note.delivery_id} is making this `once` call just now"
            raise Wait(self.work.now + timedelta(seconds=BUSY_S), reason)
        if note.state == "done":
            return _already(note, self.work)
        if key.step in self.work.assume_done:
            await self.keep.settle(key, "done")
            return Verdict(kind="skip", reason="a person said that its one call was made")
        if note.state == "unknown":
            return Verdict(kind="fail", reason=_decide(key, self.work, _tried(note)), unknown_once=True)
        return None

    async def _made(self, key: OnceKey, step: Step, scope: dict[str, Any], leg: Leg) -> Verdict:
        before = len(leg.calls)
        try:
            verdict = await self.perform(step, scope, leg)
        except Wait:  # nothing was sent; ClaimLost, a cancellation and a kill leave the note as it is: unknown
            await self.keep.settle(key, "dropped")
            raise
        except OursFailed:
            await self.keep.settle(key, "unknown" if _changed(leg, before) else "dropped")
            raise
        settled = _settled(verdict, len(leg.calls) > before)
        await self.keep.settle(key, settled, verdict.result if settled == "done" else None)
        if settled != "unknown":
            return verdict
        return replace(verdict, kind="fail", reason=_decide(key, self.work, verdict.reason), unknown_once=True)


def _key(once: Expression, scope: dict[str, Any]) -> str:
    value = once.evaluate(scope)
    if value is None:
        raise OursFailed("`once` came out null; its key must say what the call is made once for", once.place)
    return key_text(value)


def _already(note: OnceNote, work: Work) -> Verdict:
    if note.delivery_id == work.delivery_id:  # an earlier attempt of this very delivery
        return Verdict(kind="ok", reason="made in an earlier attempt", result=note.result)
    by = f" by delivery {note.delivery_id}" if note.delivery_id is not None else ""
    at = f" at {note.at:%Y-%m-%d %H:%M:%S} UTC" if note.at else ""
    return Verdict(kind="skip", reason=f"its one call was made{by}{at}", result=note.result)


def _tried(note: OnceNote) -> str:
    by = f"delivery {note.delivery_id}" if note.delivery_id is not None else "an earlier delivery"
    return f"{by} began this call" + (f" at {note.at:%Y-%m-%d %H:%M:%S} UTC" if note.at else "")


def _decide(key: OnceKey, work: Work, what: str) -> str:
    again = f"`nsps replay {work.delivery_id} --resend {key.step}`"
    done = f"`nsps replay {work.delivery_id} --assume-done {key.step}`"
    return (
        f"step {key.step} must never happen twice and whether it did is not known: {what}; "
        f"find out in the system it goes to, then {again} or {done}"
    )


def _changed(leg: Leg, before: int) -> bool:
    return any(not call.read_only for call in leg.calls[before:])


def _settled(verdict: Verdict, called: bool) -> Settled:
    """What the note becomes. A success that could not be read, or that a broken rule judged, may have been taken."""
    if verdict.kind == "ok":
        return "done"
    if not called or verdict.fault == "connect":
        return "dropped"
    if verdict.kind == "skip":
        return "done"
    if verdict.fault in ("timeout", "lost"):
        return "unknown"
    if verdict.kind == "fail":
        return "done"
    success = isinstance(verdict.status, int) and 200 <= verdict.status < 300
    return "unknown" if success and verdict.decided_by != "rule" else "dropped"
