"""The filters and tests of templates: our functions, and those of Jinja2 that are safe and say what they mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import ChainableUndefined, Undefined, pass_context
from jinja2.exceptions import UndefinedError
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.runtime import Context
from jinja2.tests import TESTS as JINJA_TESTS

from engine.expressions.escapes import plain
from engine.expressions.functions import FUNCTIONS, Function, apply
from engine.expressions.invalid import FunctionFailed
from engine.expressions.kinds import shown
from engine.expressions.text_functions import bounded, to_number

MAX_ROUNDS = 100_000
BUDGET = "loop rounds left"  # a key no template can name
EACH = "each, counted"
CONCATENATED = "put together as text"

OF_JINJA = (
    "abs", "capitalize", "dictsort", "first", "items", "last", "length", "list", "map", "max", "min", "reject",
    "rejectattr", "reverse", "select", "selectattr", "sort", "sum", "title", "unique",
)  # fmt: skip
TESTS_OF_JINJA = (
    "boolean", "divisibleby", "eq", "even", "false", "float", "ge", "gt", "in", "integer", "le", "lt", "mapping",
    "ne", "none", "number", "odd", "sequence", "string", "true",
    "==", "!=", "<", "<=", ">", ">=", "equalto",
)  # fmt: skip


def settled(value: Any) -> Any:
    """The value for a function: what a lazy filter yields as a list, undefined as an error (in a reason as null)."""
    if isinstance(value, ChainableUndefined):
        return None
    if isinstance(value, Undefined):
        raise UndefinedError(value._undefined_message)
    if value is None or isinstance(value, (str, int, float, bool, list, Mapping)):
        return value
    return list(value) if hasattr(value, "__iter__") else value


def _ours(name: str, function: Function) -> Callable[..., Any]:
    def filter_(*given: Any) -> Any:
        return apply(name, function, [settled(value) for value in given])

    return filter_


def default(value: Any, fallback: Any = "", also_false: bool = False) -> Any:
    """The fallback for what is undefined or null (with true as second argument also for what is false or empty)."""
    if value is None or isinstance(value, Undefined) or (also_false and not value):
        return fallback
    return value


def _join(values: Any, separator: str = "", attribute: str | None = None) -> str:
    picked = settled(values)
    if not isinstance(picked, list):
        raise FunctionFailed(f"join takes a list, not {shown(picked)}")
    if attribute is not None:
        picked = [element.get(attribute) if isinstance(element, Mapping) else None for element in picked]
    texts = [plain(value) for value in picked if value is not None]
    bounded(sum(map(len, texts)) + len(separator) * len(texts), "join")
    return separator.join(texts)


def _int(value: Any) -> int | None:
    number = _float_or_int(value, "int")
    return None if number is None else int(number)


def _float(value: Any) -> float | None:
    number = _float_or_int(value, "float")
    return None if number is None else float(number)


def _float_or_int(value: Any, name: str) -> int | float | None:
    given = settled(value)
    number = to_number(given)
    if number is None and given is not None:
        raise FunctionFailed(f"{name}: {shown(given)} is no number")
    return number


def _round(value: Any, digits: int = 0) -> int | float | None:
    given = settled(value)
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, (int, float)):
        raise FunctionFailed(f"round: {shown(given)} is no number")
    return round(given, digits) if digits else round(given)


def _string(value: Any) -> str | None:
    given = settled(value)
    return None if given is None else plain(given)


def _urlencode(value: Any) -> str | None:
    given = settled(value)
    return None if given is None else str(JINJA_FILTERS["urlencode"](plain(given)))


def _concatenated(values: list[Any]) -> str:
    texts = ["" if isinstance(value, ChainableUndefined) else plain(value) for value in values]
    bounded(sum(map(len, texts)), "~")
    return "".join(texts)


@pass_context
def _each(context: Context, value: Any) -> list[Any]:
    """What a `for` goes through, taken off the rounds this rendering may make in all."""
    elements = list(settled(value) or []) if not isinstance(value, list) else value
    left = context.parent[BUDGET]
    left[0] -= len(elements) + 1
    if left[0] < 0:
        raise FunctionFailed(f"the loops of this template make more than {MAX_ROUNDS:,} rounds")
    return elements


def _defined(value: Any) -> bool:
    """Null counts as not given."""
    return value is not None and not isinstance(value, Undefined)


def _of_jinja(table: Mapping[str, Any], name: str) -> Callable[..., Any]:
    function: Callable[..., Any] = table[name]
    return function


FILTERS: dict[str, Callable[..., Any]] = {
    **{name: _of_jinja(JINJA_FILTERS, name) for name in OF_JINJA},
    **{name: _ours(name, function) for name, function in FUNCTIONS.items() if function.filter_},
    "default": default,
    "float": _float,
    "int": _int,
    "join": _join,
    "round": _round,
    "string": _string,
    "urlencode": _urlencode,
    EACH: _each,
    CONCATENATED: _concatenated,
}
NAMED_FILTERS = tuple(sorted(name for name in FILTERS if name.isidentifier()))

TESTS: dict[str, Callable[..., Any]] = {
    **{name: _of_jinja(JINJA_TESTS, name) for name in TESTS_OF_JINJA},
    "defined": _defined,
    "undefined": lambda value: not _defined(value),
}
