"""JMESPath's syntax tree to Python closures, once; then evaluating is calling.

The library's TreeInterpreter is the reference. Ours on purpose: null in, null out for functions, a lazy `if`, and an order
comparison of text with a number is null instead of a Python error.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from engine.expressions.calls import call
from engine.expressions.grammar import Node
from engine.expressions.kinds import equal, holds
from engine.expressions.paths import path

Closure = Callable[[Any], Any]


def closure_of(node: Node) -> Closure:
    """The closure of a checked tree: from the value it is applied to, to the value it selects."""
    return _COMPILERS[node["type"]](node)


def _current(_node: Node) -> Closure:
    return lambda value: value


def _literal(node: Node) -> Closure:
    literal = node["value"]
    return lambda _value: literal


def _field(node: Node) -> Closure:
    return path((node["value"],))


def _chain(node: Node) -> Closure:
    """Subexpressions, pipes and index expressions: each part is applied to what the one before gave."""
    parts: list[Closure] = []
    names: list[str] = []
    for child in _flat(node):
        if child["type"] == "field":
            names.append(child["value"])
            continue
        if names:
            parts.append(path(tuple(names)))
            names = []
        parts.append(closure_of(child))
    if names:
        parts.append(path(tuple(names)))
    return _composed(parts)


def _flat(node: Node) -> list[Node]:
    """The parts of a chain of subexpressions, in order."""
    if node["type"] != "subexpression":
        return list(node["children"])
    first, *rest = node["children"]
    return [*(_flat(first) if first["type"] == "subexpression" else [first]), *rest]


def _composed(parts: list[Closure]) -> Closure:
    if len(parts) == 1:
        return parts[0]
    if len(parts) == 2:
        first, second = parts
        return lambda value: second(first(value))

    def run(value: Any) -> Any:
        for part in parts:
            value = part(value)
        return value

    return run


def _index(node: Node) -> Closure:
    index = node["value"]

    def run(value: Any) -> Any:
        if not isinstance(value, list):
            return None
        try:
            return value[index]
        except IndexError:
            return None

    return run


def _slice(node: Node) -> Closure:
    cut = slice(*node["children"])
    return lambda value: value[cut] if isinstance(value, list) else None


def _flatten(node: Node) -> Closure:
    base = closure_of(node["children"][0])

    def run(value: Any) -> Any:
        elements = base(value)
        if not isinstance(elements, list):
            return None
        merged: list[Any] = []
        for element in elements:
            merged.extend(element) if isinstance(element, list) else merged.append(element)
        return merged

    return run


def _projection(node: Node) -> Closure:
    base, inner = map(closure_of, node["children"])

    def run(value: Any) -> Any:
        elements = base(value)
        if not isinstance(elements, list):
            return None
        return [found for element in elements if (found := inner(element)) is not None]

    return run


def _value_projection(node: Node) -> Closure:
    base, inner = map(closure_of, node["children"])

    def run(value: Any) -> Any:
        table = base(value)
        if not isinstance(table, Mapping):
            return None
        return [found for element in table.values() if (found := inner(element)) is not None]

    return run


def _filter_projection(node: Node) -> Closure:
    base, inner, test = map(closure_of, node["children"])

    def run(value: Any) -> Any:
        elements = base(value)
        if not isinstance(elements, list):
            return None
        return [found for element in elements if holds(test(element)) and (found := inner(element)) is not None]

    return run


def _multi_select_list(node: Node) -> Closure:
    members = [closure_of(child) for child in node["children"]]
    return lambda value: None if value is None else [member(value) for member in members]


def _multi_select_dict(node: Node) -> Closure:
    members = [(child["value"], closure_of(child["children"][0])) for child in node["children"]]
    return lambda value: None if value is None else {name: member(value) for name, member in members}


def _or(node: Node) -> Closure:
    left, right = map(closure_of, node["children"])

    def run(value: Any) -> Any:
        found = left(value)
        return found if holds(found) else right(value)

    return run


def _and(node: Node) -> Closure:
    left, right = map(closure_of, node["children"])

    def run(value: Any) -> Any:
        found = left(value)
        return right(value) if holds(found) else found

    return run


def _not(node: Node) -> Closure:
    inner = closure_of(node["children"][0])
    return lambda value: not holds(inner(value))


_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
}


def _comparator(node: Node) -> Closure:
    left, right = map(closure_of, node["children"])
    if node["value"] == "eq":
        return lambda value: equal(left(value), right(value))
    if node["value"] == "ne":
        return lambda value: not equal(left(value), right(value))
    return _ordered(_ORDER[node["value"]], left, right)


def _ordered(compare: Callable[[Any, Any], bool], left: Closure, right: Closure) -> Closure:
    def run(value: Any) -> Any:
        first, second = left(value), right(value)
        if isinstance(first, str) and isinstance(second, str):
            return compare(first, second)
        return compare(first, second) if _is_number(first) and _is_number(second) else None

    return run


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _function(node: Node) -> Closure:
    arguments = [closure_of(child) for child in node["children"]]
    if node["value"] == "if":
        return _if(*arguments)
    return call(node["value"], arguments)


def _if(test: Closure, then: Closure, otherwise: Closure) -> Closure:
    return lambda value: then(value) if holds(test(value)) else otherwise(value)


def _expref(node: Node) -> Closure:
    inner = closure_of(node["children"][0])
    return lambda _value: inner


_COMPILERS: dict[str, Callable[[Node], Closure]] = {
    "and_expression": _and,
    "comparator": _comparator,
    "current": _current,
    "expref": _expref,
    "field": _field,
    "filter_projection": _filter_projection,
    "flatten": _flatten,
    "function_expression": _function,
    "identity": _current,
    "index": _index,
    "index_expression": _chain,
    "literal": _literal,
    "multi_select_dict": _multi_select_dict,
    "multi_select_list": _multi_select_list,
    "not_expression": _not,
    "or_expression": _or,
    "pipe": _chain,
    "projection": _projection,
    "slice": _slice,
    "subexpression": _chain,
    "value_projection": _value_projection,
}
