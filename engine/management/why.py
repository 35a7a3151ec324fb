"""`nsps why`: for each pipeline, whether it takes an event, and each condition with the values it saw."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from engine.catalog import Catalog
from engine.envelope import routing_scope
from engine.event import Event
from engine.expressions.expression import Expression
from engine.loading.espf_events import written_otherwise
from engine.pipeline import Pipeline
from engine.route import route, takes_type
from engine.terminal import faint, state, strong


def reasons(event: Event, catalog: Catalog) -> list[dict[str, Any]]:
    """One entry a pipeline: {pipeline, taken, reason, lane, conditions: [{field, text, at, saw}]}, those that take it first."""
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
        asked = _conditions(pipeline) if takes_type(pipeline, event.event_type) else ()
        entry["conditions"] = [_condition(field, part, scope) for field, part in asked]
    return found


def _conditions(pipeline: Pipeline) -> Iterator[tuple[str, Expression]]:
    if pipeline.when:
        yield "when", pipeline.when
    if pipeline.order:
        yield "order key", pipeline.order.key
        if pipeline.order.time:
            yield "order time", pipeline.order.time


def _condition(field: str, expression: Expression, scope: Mapping[str, Any]) -> dict[str, Any]:
    saw = {".".join(path): _walk(scope, path) for path in sorted(expression.reads)}
    return {"field": field, "text": expression.text, "at": str(expression.place), "saw": saw}


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
            yield f"    {condition['field']}  {condition['text']}   {faint(condition['at'])}"
            for path, value in condition["saw"].items():
                yield f"        {path} is {orjson.dumps(value).decode()}"
    patterns = [pattern for entry in entries for pattern in entry["events"]]
    yield from (f"{state('retry', 'note')}: {note}" for note in written_otherwise(event_type, patterns))
    if not entries:
        yield "this project has no pipelines"
