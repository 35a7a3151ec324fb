"""Step 7: one step after another, until one stops the run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine.connector import Step
from engine.delivery import CallTrace, StepTrace
from engine.errors import OursFailed, Wait
from engine.expressions.kinds import holds, kind_of
from engine.leg import Leg
from engine.value import value
from engine.verdict import Verdict

Scope = dict[str, Any]
Perform = Callable[[Step, Scope, Leg], Awaitable[Verdict]]
"""Makes the call of one step, for one item; composed by the journey."""

SKIPPED_BY_WHEN = "its `when` is false"
NO_ITEMS = "`for_each` gave no items"


@value
class Track:
    """What a run of steps shares: the path above it, whether calls follow it, and where its trace goes.

    `traces` None: within an operation made of steps, whose calls are told where the operation stands (`calls`).
    """

    above: str = ""
    more: bool = False
    repeated: bool = False
    cache_s: float = 0.0
    calls: list[CallTrace] | None = None
    traces: list[StepTrace] | None = None

    def leg(self, step: Step, scope: Scope, more: bool, calls: list[CallTrace]) -> Leg:
        """The leg of one step of this run, for the item in `scope` if there is one."""
        path = f"{self.above}/{step.id}" if self.above else step.id
        return Leg(
            path=path,
            calls=calls,
            more=more or self.more,
            repeated=self.repeated or step.for_each is not None,
            item=scope["item"],
            index=scope["index"],
            cache_s=self.cache_s,
        )


@dataclass(slots=True)
class Run:
    """What a run of steps came to. `last` is the last step that was not skipped; `skips` are the verdicts of those that were."""

    stopped_at: str = ""
    stopped: Verdict | None = None
    last: Verdict | None = None
    skips: tuple[Verdict, ...] = ()


async def run_steps(steps: Sequence[Step], scope: Scope, track: Track, perform: Perform) -> Run:
    """Runs the steps in order. Each sees `steps.ID.{verdict, case, status, result}` of those before it.

    The first that ends `retry` or `fail` ends the run, unless it is `optional`: then it reads as `skip`.
    Raises what `perform` raises (OursFailed, Wait, ClaimLost).
    """
    seen = scope["steps"] = {}
    run = Run()
    for number, step in enumerate(steps):
        verdict = await _step(step, scope, track, number + 1 < len(steps), perform)
        seen[step.id] = _as_seen(verdict)
        if verdict.stops:
            run.stopped_at, run.stopped = step.id, verdict
            return run
        if verdict.kind == "skip":
            run.skips = (*run.skips, verdict)
        else:
            run.last = verdict
    return run


def _as_seen(verdict: Verdict) -> dict[str, Any]:
    return {"verdict": verdict.kind, "case": verdict.case, "status": verdict.status, "result": verdict.result}


async def _step(step: Step, scope: Scope, track: Track, more: bool, perform: Perform) -> Verdict:
    if step.for_each is None:
        return await _once_through(step, scope, track, more, perform)
    items = step.for_each.evaluate(scope)
    if items is None:
        items = []
    if not isinstance(items, list):
        raise OursFailed(f"`for_each` must give a list, not a {kind_of(items)}", step.for_each.place)
    if not items:
        _trace(step, scope, track, Verdict(kind="skip", reason=NO_ITEMS), [])
    verdicts: list[Verdict] = []
    for index, item in enumerate(items):
        item_scope = {**scope, "item": item, "index": index}
        verdicts.append(await _once_through(step, item_scope, track, more or index + 1 < len(items), perform))
        if verdicts[-1].stops:
            return verdicts[-1]
    return _together(verdicts)


def _together(verdicts: list[Verdict]) -> Verdict:
    """Of all items: `ok` with the last one's case, `skip` if all were; the list of their results."""
    results = [verdict.result for verdict in verdicts]
    run = [verdict for verdict in verdicts if verdict.kind != "skip"]
    if run:
        return replace(run[-1], result=results)
    reason = next(_reasons(verdicts), NO_ITEMS)
    answer = next((verdict.answer for verdict in verdicts if verdict.answer), None)
    return Verdict(kind="skip", reason=reason, answer=answer)


def _reasons(verdicts: list[Verdict]) -> Iterator[str]:
    return (verdict.reason for verdict in verdicts if verdict.reason)


async def _once_through(step: Step, scope: Scope, track: Track, more: bool, perform: Perform) -> Verdict:
    """One call of the step, for one item or for none; traced however it ends."""
    calls: list[CallTrace] = [] if track.calls is None else track.calls
    trace = _trace(step, scope, track, None, calls)
    try:
        verdict = await _verdict(step, scope, track.leg(step, scope, more, calls), perform)
    except (OursFailed, Wait) as problem:
        if trace is not None:
            trace.reason = str(problem)
        raise
    if trace is not None:
        trace.verdict, trace.case, trace.reason = verdict.kind, verdict.case, verdict.reason
    return verdict


async def _verdict(step: Step, scope: Scope, leg: Leg, perform: Perform) -> Verdict:
    if step.when is not None and not holds(step.when.evaluate(scope)):
        return Verdict(kind="skip", reason=SKIPPED_BY_WHEN)
    verdict = await perform(step, scope, leg)
    if verdict.stops and step.optional:
        return replace(verdict, kind="skip", reason=f"optional: {verdict.reason}", result=None, answer=None)
    return verdict


def _trace(step: Step, scope: Scope, track: Track, verdict: Verdict | None, calls: list[CallTrace]) -> StepTrace | None:
    if track.traces is None:
        return None
    trace = StepTrace(id=step.id, call=f"{step.connector}.{step.operation}", calls=calls)
    if step.for_each is not None and verdict is None:
        trace.item, trace.index = scope["item"], scope["index"]
    if verdict is not None:
        trace.verdict, trace.reason = verdict.kind, verdict.reason
    track.traces.append(trace)
    return trace
