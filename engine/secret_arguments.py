"""Which texts are secret because a step hands them to an argument declared `secret: true`.

A delivery may end long before that step; what it had seen by then is recorded all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.arguments import secrets_of, texts_of
from engine.catalog import Catalog
from engine.connector import Operation, Step
from engine.errors import OursFailed
from engine.expressions.expression import Expression
from engine.pipeline import Pipeline
from engine.worked_out import WorkedOut

Scope = Mapping[str, Any]
Path = tuple[str, ...]

_NONE: frozenset[str] = frozenset()


def secret_texts(pipeline: Pipeline, catalog: Catalog, scope: Scope) -> set[str]:
    """Texts that the steps of the pipeline would hand to secret arguments, as far as it can be told. Raises nothing."""
    if pipeline.name not in _with_secrets(catalog):
        return set()
    seen = {"steps": {}, "item": None, "index": None, **scope}
    seen["vars"] = _mapped(pipeline, seen)
    return {text for step in pipeline.dispatch for text in _of_step(step, catalog, seen, seen["vars"])}


def secret_sources(pipeline: Pipeline, catalog: Catalog, scope: Scope) -> set[str]:
    """Texts of the event that a secret argument is made of, where it is made of one field: `upper(data.variables.pin)`.

    Of several fields only some may be secret, such as a PIN that is chosen by an account's number.
    """
    if pipeline.name not in _with_secrets(catalog):
        return set()
    mapped = {entry.name: entry.value for entry in pipeline.map}
    paths = (_read(expression, mapped) for step in pipeline.dispatch for expression in _secret(step, catalog, mapped))
    return {text for read in paths if len(read) == 1 for path in read for text in texts_of(_at(scope, path)) if text}


def _secret(step: Step, catalog: Catalog, mapped: Mapping[str, Expression]) -> Iterator[Expression]:
    """The expressions of the step's secret arguments."""
    given = mapped if step.arguments is None else step.arguments
    for argument in catalog.operation(step.connector, step.operation).args:
        if argument.secret and argument.name in given:
            yield given[argument.name]


def _read(expression: Expression, mapped: Mapping[str, Expression], within: frozenset[str] = _NONE) -> set[Path]:
    """Paths of the event that it reads, also by way of `vars`."""
    found: set[Path] = set()
    for path in expression.reads:
        name = path[1] if path[0] == "vars" and len(path) > 1 else ""
        if name in mapped and name not in within:
            found |= _read(mapped[name], mapped, within | {name})
        elif path[0] == "data":
            found.add(path)
    return found


def _at(value: Any, path: Path) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def hands_over_secrets(catalog: Catalog) -> bool:
    """Whether any pipeline has a secret argument at all."""
    return bool(_with_secrets(catalog))


def _mapped(pipeline: Pipeline, scope: Scope) -> dict[str, Any]:
    values = dict(scope.get("vars") or {})
    for entry in pipeline.map:
        if entry.name not in values:
            values[entry.name] = _tried(entry.value, {**scope, "vars": values})
    return values


def _of_step(step: Step, catalog: Catalog, scope: Scope, named: Scope) -> Iterator[str]:
    operation = catalog.operation(step.connector, step.operation)
    for index, item in enumerate(_items(step, scope)):
        handed = _handed(operation, step, {**scope, "item": item, "index": index}, named)
        yield from secrets_of(operation, handed)
        inside = {"args": handed, "config": catalog.connectors[step.connector].config, "steps": {}}
        for inner in operation.steps:
            yield from _of_step(inner, catalog, {**inside, "item": item, "index": index}, handed)


def _items(step: Step, scope: Scope) -> list[Any]:
    if step.for_each is None:
        return [scope.get("item")]
    items = _tried(step.for_each, scope)
    return items if isinstance(items, list) else []


def _handed(operation: Operation, step: Step, scope: Scope, named: Scope) -> dict[str, Any]:
    if step.arguments is None:
        return {argument.name: named.get(argument.name) for argument in operation.args}
    return {name: _tried(value, scope) for name, value in step.arguments.items()}


def _tried(expression: Expression, scope: Scope) -> Any:
    try:
        return expression.evaluate(scope)
    except OursFailed:
        return None


def _names(catalog: Catalog) -> frozenset[str]:
    secret = {
        (operation.connector, operation.name)
        for connector in catalog.connectors.values()
        for operation in connector.operations.values()
        if any(argument.secret for argument in operation.args)
    }
    return frozenset(
        p.name for p in catalog.pipelines.values() if any(_hands_over(s, catalog, secret) for s in p.dispatch)
    )


def _hands_over(step: Step, catalog: Catalog, secret: set[tuple[str, str]]) -> bool:
    inner = catalog.operation(step.connector, step.operation).steps
    return (step.connector, step.operation) in secret or any(_hands_over(one, catalog, secret) for one in inner)


_with_secrets = WorkedOut(_names)
