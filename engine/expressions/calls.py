"""Function calls as closures, and their checks when the file is loaded."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

from engine.expressions.functions import FUNCTIONS, Function, apply, refusal, refuses_count
from engine.expressions.grammar import Node
from engine.expressions.invalid import ExpressionInvalid
from engine.expressions.kinds import EXPRESSION

Closure = Callable[[Any], Any]

_KNOWN_ELSEWHERE = {
    "coalesce": "write a || b, or not_null(a, b)",
    "concat": "write join('', [a, b])",
    "count": "write length(list)",
    "default": "write a || b, or not_null(a, b)",
    "filter": "write list[?test], or where(list, &name, value)",
    "first": "write list[0]",
    "int": "write to_number(value)",
    "last": "write list[-1]",
    "len": "write length(value)",
    "not": "write !(value)",
    "now": "now is a name, not a function: write now",
    "regex": "write matches(text, 'regex')",
    "size": "write length(value)",
    "str": "write to_string(value)",
    "substring": "text cannot be cut; split(text, separator)[0] takes a part",
    "tojson": "write to_json(value)",
}


def check_call(node: Node) -> None:
    """Raises ExpressionInvalid for an unknown function, a wrong number of arguments or a literal of the wrong kind."""
    name, arguments = node["value"], node["children"]
    function = FUNCTIONS.get(name)
    if function is None:
        raise ExpressionInvalid(f"there is no function {name}", node["start"], len(name), _meant(name))
    if not function.takes_count(len(arguments)):
        message = refuses_count(name, function, len(arguments))
        raise ExpressionInvalid(message, node["start"], len(name), (f"for example: {function.example}",))
    for index, argument in enumerate(arguments):
        _check_argument(name, function, index, argument)


def _meant(name: str) -> tuple[str, ...]:
    if name in _KNOWN_ELSEWHERE:
        return (_KNOWN_ELSEWHERE[name],)
    close = get_close_matches(name, FUNCTIONS, n=1)
    return (f"did you mean {close[0]}?",) if close else (f"the functions are: {', '.join(sorted(FUNCTIONS))}",)


def _check_argument(name: str, function: Function, index: int, argument: Node) -> None:
    kind, span = function.kind(index), (argument["start"], argument["end"] - argument["start"])
    example = (f"for example: {function.example}",)
    if kind is EXPRESSION and argument["type"] != "expref":
        raise ExpressionInvalid(f"{name}: argument {index + 1} must be an expression, with & before it", *span, example)
    if kind is not EXPRESSION and argument["type"] == "expref":
        raise ExpressionInvalid(
            f"{name}: argument {index + 1} must be {kind.name}, without & before it", *span, example
        )
    if argument["type"] != "literal" or argument["value"] is None:
        return
    value = argument["value"]
    if not kind.accepts(value):
        raise ExpressionInvalid(refusal(name, index, kind, value), *span, example)
    fault = function.faults[index](value) if index in function.faults else None
    if fault:
        raise ExpressionInvalid(f"{name}: {fault}", *span)


def call(name: str, arguments: list[Closure]) -> Closure:
    """The closure of a checked call. It raises FunctionFailed for arguments of the wrong kind."""
    function = FUNCTIONS[name]
    if len(arguments) == 1 and not function.sees_null:
        return _call_one(name, function, arguments[0])
    if len(arguments) == 2 and not function.sees_null:
        return _call_two(name, function, arguments)
    if len(arguments) == 3 and not function.sees_null:
        return _call_three(name, function, arguments)
    return lambda value: apply(name, function, [argument(value) for argument in arguments])


def _call_one(name: str, function: Function, argument: Closure) -> Closure:
    accepts, run = _quick(function, 0), function.call

    def one(value: Any) -> Any:
        given = argument(value)
        if given is None:
            return None
        if given.__class__ in accepts:
            try:
                return run(given)
            except (TypeError, ValueError, OverflowError):
                pass  # said in the function's name by apply
        return apply(name, function, [given])

    return one


def _call_two(name: str, function: Function, arguments: list[Closure]) -> Closure:
    first, second = arguments
    accepts_first, accepts_second, run = _quick(function, 0), _quick(function, 1), function.call

    def two(value: Any) -> Any:
        one, other = first(value), second(value)
        if one is None or other is None:
            return None
        if one.__class__ in accepts_first and other.__class__ in accepts_second:
            try:
                return run(one, other)
            except (TypeError, ValueError, OverflowError):
                pass  # said in the function's name by apply
        return apply(name, function, [one, other])

    return two


def _call_three(name: str, function: Function, arguments: list[Closure]) -> Closure:
    first, second, third = arguments
    accepts_first, accepts_second, accepts_third = (_quick(function, index) for index in range(3))
    run = function.call

    def three(value: Any) -> Any:
        one, other, last = first(value), second(value), third(value)
        if one is None or other is None or last is None:
            return None
        if one.__class__ in accepts_first and other.__class__ in accepts_second and last.__class__ in accepts_third:
            try:
                return run(one, other, last)
            except (TypeError, ValueError, OverflowError):
                pass  # said in the function's name by apply
        return apply(name, function, [one, other, last])

    return three


def _quick(function: Function, index: int) -> frozenset[type]:
    """Classes that need no closer look; the others go through `apply`."""
    kind = function.kind(index)
    if kind.classes is None:
        return frozenset({str, int, float, bool, list, dict, type(_quick)})
    return frozenset() if kind.elements else kind.classes
