"""Step 4: event to facts (pb_data). Calls that can run together do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import field
from typing import Any

from engine.connector import Enrichment
from engine.delivery import EnrichmentTrace
from engine.errors import ClaimLost, OursFailed, Wait
from engine.expressions.kinds import holds
from engine.pipeline import Ask
from engine.value import value
from engine.verdict import Verdict

Facts = dict[str, Any]
Put = Callable[[Enrichment, Mapping[str, Any], EnrichmentTrace], Awaitable[Verdict]]
"""Puts the question of an enrichment to its connector, seen from a scope."""

Problem = Verdict | OursFailed | Wait


@value
class Question:
    """One enrichment a pipeline asks for. `scope` is what its expressions see; `pb_data` in it grows as answers come."""

    ask: Ask
    enrichment: Enrichment
    scope: dict[str, Any]
    trace: EnrichmentTrace
    waits_for: list[asyncio.Task[Problem | None]] = field(default_factory=list)


async def enrich(questions: list[Question], pb_data: Facts, put: Put) -> Problem | None:
    """Fills `pb_data`, one block per question; says what keeps the delivery from going on, None when nothing does.

    Each runs as soon as the blocks it waits for are there. All that began are awaited; of several problems the first
    in the pipeline's order counts. Raises ClaimLost.
    """
    pb_data.update(dict.fromkeys(question.enrichment.name for question in questions))
    if len(questions) == 1:
        return await _answer(questions[0], pb_data, put)
    awaited = frozenset().union(*(question.enrichment.waits_for for question in questions))
    here = _awaited_by_none(questions, awaited)
    try:
        async with asyncio.TaskGroup() as group:
            tasks = _start(group, [question for question in questions if question is not here], pb_data, put)
            if awaited:
                _connect(questions, tasks)  # none of them has started yet
            problem = await _answer(here, pb_data, put)
    except BaseExceptionGroup as failed:  # only what is no ending gets here: a lost claim, or a mistake in our code
        lost = failed.subgroup(ClaimLost)
        raise (lost or failed).exceptions[0] from failed
    found = [problem if question is here else tasks[question.enrichment.name].result() for question in questions]
    return next((problem for problem in found if problem is not None), None)


def _awaited_by_none(questions: list[Question], awaited: frozenset[str]) -> Question:
    """The one that runs in the delivery's own task: a task for it would cost as much as its part of the work."""
    return next((question for question in questions if question.enrichment.name not in awaited), questions[-1])


def _start(
    group: asyncio.TaskGroup, questions: list[Question], pb_data: Facts, put: Put
) -> dict[str, asyncio.Task[Problem | None]]:
    return {question.enrichment.name: group.create_task(_answer(question, pb_data, put)) for question in questions}


def _connect(questions: list[Question], tasks: Mapping[str, asyncio.Task[Problem | None]]) -> None:
    for question in questions:
        own = tasks.get(question.enrichment.name)
        needed = (tasks.get(name) for name in sorted(question.enrichment.waits_for))
        question.waits_for.extend(other for other in needed if other is not None and other is not own)


async def _answer(question: Question, pb_data: Facts, put: Put) -> Problem | None:
    for other in question.waits_for:
        problem = await other
        if problem is not None:
            question.trace.why_not = "what it waits for was not answered"
            return problem
    try:
        return await _asked(question, pb_data, put)
    except (OursFailed, Wait) as problem:
        question.trace.reason = str(problem)
        return problem


async def _asked(question: Question, pb_data: Facts, put: Put) -> Problem | None:
    enrichment, trace, scope = question.enrichment, question.trace, question.scope
    if enrichment.when is not None and not holds(enrichment.when.evaluate(scope)):
        trace.why_not = "its `when` is false"
        return None
    trace.asked = True
    verdict = await put(enrichment, scope, trace)
    trace.verdict, trace.reason = verdict.kind, verdict.reason
    if verdict.stops:
        return None if question.ask.optional else verdict
    pb_data[enrichment.name] = _shaped(enrichment, scope, verdict.result)
    return None


def _shaped(enrichment: Enrichment, scope: Mapping[str, Any], result: Any) -> Any:
    """NSPS's block of a result. Nothing found is a null block."""
    if result is None or enrichment.shape is None:
        return result
    return _without_nulls(enrichment.shape.evaluate({**scope, "result": result}))


def _without_nulls(value: Any) -> Any:
    """Nulls left out at every depth, as NSPS does (domain.md 4.3)."""
    if isinstance(value, dict):
        return {key: _without_nulls(member) for key, member in value.items() if member is not None}
    if isinstance(value, list):
        return [_without_nulls(element) for element in value if element is not None]
    return value
