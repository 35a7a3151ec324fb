"""`nsps why`: for each pipeline, whether it takes an event, and each condition with the values it saw."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from engine.catalog import Catalog
from engine.envelope import routing_scope
from engine.event import Event
from engine.expressions.expression import Expression
from engine.pipeline import Pipeline
from engine.route import route
from engine.terminal import faint, state, strong


def reasons(event: Event, catalog: Catalog) -> list[dict[str, Any]]:
    """One entry a pipeline: {pipeline, taken, reason, lane, conditions: [{text, at, saw}]}, those that take it first."""
    routing = route(event, catalog)
    scope = routing_scope(event, catalog.settings.config)
    found: list[dict[str, Any]] = [
        {"pipeline": taken.pipeline, "taken": True, "reason": taken.failed or "", "lane": taken.lane}
        for taken in routing.taken
    ] + [
        {"pipeline": other.pipeline, "taken": False, "reason": other.reason, "lane": None}
        for other in routing.not_taken
    ]
    for entry in found:
        pipeline = catalog.pipelines[str(entry["pipeline"])]
        entry["events"] = list(pipeline.events)
        entry["conditions"] = [_condition(part, scope) for part in _conditions(pipeline)]
    return found


def _conditions(pipeline: Pipeline) -> Iterator[Expression]:
    if pipeline.when:
        yield pipeline.when
    if pipeline.order:
        yield pipeline.order.key
        if pipeline.order.time:
            yield pipeline.order.time


def _condition(expression: Expression, scope: Mapping[str, Any]) -> dict[str, Any]:
    saw = {".".join(path): _walk(scope, path) for path in sorted(expression.reads)}
    return {"text": expression.text, "at": str(expression.place), "saw": saw}


def _walk(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def reason_lines(event_type: str, entries: list[dict[str, Any]]) -> Iterator[str]:
    """The same for people."""
    for entry in entries:
        name = strong(entry["pipeline"])
        if entry["taken"]:
            yield f"{state('ok', 'takes it')}  {name}" + (f": but fails: {entry['reason']}" if entry["reason"] else "")
        else:
            yield f"{faint('not taken')} {name}: {entry['reason']}"
        yield f"    events {', '.join(entry['events'])}; this one is {event_type}"
        if entry["lane"]:
            yield f"    in lane {entry['lane']}"
        for condition in entry["conditions"]:
            yield f"    {condition['text']}   {faint(condition['at'])}"
            for path, value in condition["saw"].items():
                yield f"        {path} is {orjson.dumps(value).decode()}"
    if not entries:
        yield "this project has no pipelines"
