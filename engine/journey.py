"""Steps 4 to 7 composed: the only file that knows their order. Pure; its effects are `send` and `keep`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.arguments import given
from engine.call import Caller
from engine.catalog import Catalog
from engine.connector import Enrichment
from engine.delivery import Ending, EnrichmentTrace, Keep, Trace, Work
from engine.dispatch import Run, Track, run_steps
from engine.enrich import Problem, Put, Question, enrich
from engine.envelope import envelope, iso
from engine.errors import OursFailed, Wait
from engine.leg import Leg
from engine.map import known_search_keys, map_facts, search_keys
from engine.masking import Masker
from engine.once import Once
from engine.pipeline import Ask
from engine.progress import Progress
from engine.request import Send
from engine.secret_arguments import secret_texts
from engine.verdict import Verdict
from engine.worked_out import WorkedOut

_NOT_ASKED_WITH = ("vars", "steps", "item", "index")  # what an enrichment's expressions do not see


async def journey(work: Work, send: Send, keep: Keep) -> Ending:
    """Walks one attempt: enrich, map, skip, dispatch; says how it ended, with the trace of all it saw and decided.

    Raises ClaimLost, and nothing else for what the world, the event or the configuration does.
    """
    trace = Trace()
    caller = Caller(work=work, send=send, keep=keep, trace=trace, progress=Progress(work.done))
    scope = _scope(work)
    try:
        ending = await _walk(caller, scope)
    except (OursFailed, Wait) as problem:
        ending = _ended_by(problem)
    trace.vars = scope["vars"]
    trace.secrets |= secret_texts(work.pipeline, work.catalog, scope)
    if caller.resent:
        caller.forget_items_left_out(
            [name for name, seen in scope["steps"].items() if seen["verdict"] in ("ok", "skip")]
        )
    if not trace.search:  # it ended before all was mapped; people still look for it
        trace.search = known_search_keys(work.pipeline, scope)
    return ending.told(_shown(ending.reason, caller), trace, caller.progress.all())


def _shown(reason: str, caller: Caller) -> str:
    """The reason without secrets: systems like to repeat what they were sent, and reasons are read by many."""
    return _maskers(caller.work.catalog).text(reason, caller.trace.secrets) if reason else ""


def _masker(catalog: Catalog) -> Masker:
    return Masker(catalog.secrets)


_maskers = WorkedOut(_masker)


def _scope(work: Work) -> dict[str, Any]:
    """What the pipeline's expressions see; enrichments, map and steps add to it."""
    scope = envelope(work.event, work.pipeline.name, None, None)
    scope["config"] = work.catalog.settings.config
    scope["now"] = iso(work.now)
    scope["vars"], scope["steps"], scope["item"], scope["index"] = {}, {}, None, None
    return scope


async def _walk(caller: Caller, scope: dict[str, Any]) -> Ending:
    work, trace = caller.work, caller.trace
    problem = await _learn_facts(caller, scope)
    if problem is not None:
        return _ended_by(problem)
    skipped = map_facts(work.pipeline, scope)
    if skipped is not None:
        trace.skipped_by = skipped.rule.when.text
        return Ending(kind="skipped", reason=skipped.reason, answer=skipped.rule.answer)
    trace.search = search_keys(work.pipeline, scope)
    run = await run_steps(
        work.pipeline.dispatch, scope, Track(traces=trace.steps), Once(caller.perform, work, caller.keep)
    )
    return _arrived(run)


async def _learn_facts(caller: Caller, scope: dict[str, Any]) -> Problem | None:
    """Puts `pb_data` into the scope: what the event brought, or else what the connectors say."""
    work, event = caller.work, caller.work.event
    if event.facts is not None or event.source == "nsps":  # enriched by its sender: nothing is asked
        names = [f"{ask.connector}.{ask.enrichment}" for ask in work.pipeline.enrich]
        brought = (EnrichmentTrace(name=name, asked=False, why_not="the event brought its facts") for name in names)
        caller.trace.enrichments.extend(brought)
        scope["pb_data"], scope["updated_at"] = event.facts, iso(event.received_at)
        caller.trace.pb_data = event.facts
        return None
    pb_data: dict[str, Any] = {}
    scope["pb_data"] = caller.trace.pb_data = pb_data
    problem = None
    if work.pipeline.enrich:
        seen = scope.copy()
        for name in _NOT_ASKED_WITH:
            del seen[name]
        problem = await enrich([_question(ask, caller, seen) for ask in work.pipeline.enrich], pb_data, put_by(caller))
    scope["updated_at"] = iso(caller.answered_at or work.now)
    return problem


def _question(ask: Ask, caller: Caller, seen: Mapping[str, Any]) -> Question:
    catalog = caller.work.catalog
    trace = EnrichmentTrace(name=f"{ask.connector}.{ask.enrichment}", asked=False)
    caller.trace.enrichments.append(trace)
    return Question(
        ask=ask,
        enrichment=catalog.enrichment(ask.connector, ask.enrichment),
        scope={**seen, "config": catalog.connectors[ask.connector].config},
        trace=trace,
    )


def put_by(caller: Caller) -> Put:
    """How a question is put: the operation it names, called with what `with` says or with the event's variables."""

    async def put(enrichment: Enrichment, scope: Mapping[str, Any], trace: EnrichmentTrace) -> Verdict:
        operation = caller.work.catalog.operation(enrichment.connector, enrichment.call)
        handed = given(operation, enrichment.arguments, scope, caller.work.event.variables)
        leg = Leg(path=f"enrich/{trace.name}", calls=trace.calls, cache_s=enrichment.cache_s)
        return await caller.call(operation, handed, leg, enrichment.place)

    return put


def _arrived(run: Run) -> Ending:
    if run.stopped is not None:
        return _ended_by(run.stopped, run.stopped_at)
    if run.last is not None:
        return Ending(kind="delivered", reason=run.last.reason, answer=run.last.answer, status=run.last.status)
    reasons = dict.fromkeys(skip.reason for skip in run.skips if skip.reason)
    answer = next((skip.answer for skip in run.skips if skip.answer is not None), None)
    return Ending(kind="skipped", reason="; ".join(reasons) or "there was nothing to do", answer=answer)


def _ended_by(problem: Problem, step: str = "") -> Ending:
    if isinstance(problem, OursFailed):
        return Ending(kind="failed", reason=str(problem), ours=True)
    if isinstance(problem, Wait):
        return Ending(kind="wait", reason=problem.reason, wait_until=problem.until)
    return Ending(
        kind="retry" if problem.kind == "retry" else "failed",
        reason=problem.reason,
        retry_after_s=problem.retry_after_s,
        answer=problem.answer,
        fault=problem.fault,
        status=problem.status,
        unknown_once=step if problem.unknown_once else None,
    )
