"""Step 5: facts to vars; and the skip rules, which may end a delivery before all of it is mapped."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from engine.errors import OursFailed
from engine.expressions.expression import Expression
from engine.expressions.kinds import holds
from engine.expressions.template import Omit, TextTemplate
from engine.pipeline import MapEntry, Pipeline, SkipRule
from engine.scalar import key_text
from engine.worked_out import WorkedOut

Scope = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Skipped:
    """The skip rule that held, and its reason."""

    rule: SkipRule
    reason: str


def map_facts(pipeline: Pipeline, scope: Scope) -> Skipped | None:
    """Fills `scope["vars"]` in the order of `map`; or says which skip rule held, with only what it needed mapped.

    Raises OursFailed for an entry that fails, or that is null without being allowed to.
    """
    values = scope["vars"] = {}
    for rule in pipeline.skip:
        _work_out(_named(pipeline, rule.when), scope, values)
        if holds(rule.when.evaluate(scope)):
            return Skipped(rule, _reason(pipeline, rule, scope))
    _work_out(pipeline.map, scope, values)
    if pipeline.skip:  # what a skip rule named came first: back into the order they are written in
        scope["vars"] = {entry.name: values[entry.name] for entry in pipeline.map}
    return None


def search_keys(pipeline: Pipeline, scope: Scope) -> dict[str, str]:
    """What people find the event by: names and values as text; null ones are left out. Raises OursFailed."""
    found = ((name, key.evaluate(scope)) for name, key in pipeline.search.items())
    return {name: key_text(value) for name, value in found if value is not None}


def known_search_keys(pipeline: Pipeline, scope: Scope) -> dict[str, str]:
    """The same where the delivery ends before all is mapped: those that can be worked out, never an error."""
    found: dict[str, str] = {}
    for name, key in pipeline.search.items():
        try:
            _work_out(_named(pipeline, key), scope, scope.setdefault("vars", {}))
            value = key.evaluate(scope)
        except OursFailed:
            continue
        if value is not None:
            found[name] = key_text(value)
    return found


def _work_out(entries: Iterable[MapEntry], scope: Scope, values: dict[str, Any]) -> None:
    for entry in entries:
        if entry.name in values:
            continue
        value = entry.value.evaluate(scope)
        if value is None and not entry.nullable:
            raise OursFailed(
                f"map entry `{entry.name}` came out null: {entry.value.text}; if it may be, write `{entry.name}?`",
                entry.place,
            )
        values[entry.name] = value


def _reason(pipeline: Pipeline, rule: SkipRule, scope: Scope) -> str:
    if rule.reason is None:
        return f"`skip` rule: {rule.when.text}"
    with suppress(OursFailed):  # in a reason, what is missing reads as nothing
        _work_out(_named(pipeline, rule.reason), scope, scope["vars"])
    text = rule.reason.render(scope)
    return "" if isinstance(text, Omit) else text.strip()


def _named(pipeline: Pipeline, reader: Expression | TextTemplate) -> tuple[MapEntry, ...]:
    """The map entries `reader` names, and those they name, in order."""
    return _closures(pipeline).of(reader)


class _Closures:
    """Which map entries each expression of a pipeline needs, worked out once."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._map = pipeline.map
        self._needs = {entry.name: _names(entry.value) for entry in pipeline.map}
        self.of = WorkedOut(self._closure)

    def _closure(self, reader: Expression | TextTemplate) -> tuple[MapEntry, ...]:
        wanted = _names(reader)
        if None in wanted:
            return self._map
        open_ = list(wanted)
        while open_:
            more = self._needs.get(open_.pop() or "", frozenset())
            if None in more:
                return self._map
            open_.extend(more - wanted)
            wanted |= more
        return tuple(entry for entry in self._map if entry.name in wanted)


def _names(reader: Expression | TextTemplate) -> frozenset[str | None]:
    """The names below `vars` it reads; None among them when it reads `vars` as a whole."""
    return frozenset(path[1] if len(path) > 1 else None for path in reader.reads if path[0] == "vars")


_closures = WorkedOut(_Closures)
