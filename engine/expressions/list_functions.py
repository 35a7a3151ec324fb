"""Functions on lists, objects and numbers: ours, and JMESPath's own as its specification has them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from engine.expressions.invalid import FunctionFailed
from engine.expressions.kinds import equal, kind_of, shown

Inner = Callable[[Any], Any]
"""An expression handed to a function (`&name`): from an element to its value."""


def find(elements: list[Any], inner: Inner, value: Any) -> Any:
    """The first element whose expression is `value`, null when none is."""
    for element in elements:
        if equal(inner(element), value):
            return element
    return None


def where(elements: list[Any], inner: Inner, value: Any) -> list[Any]:
    """All elements whose expression is `value`."""
    return [element for element in elements if equal(inner(element), value)]


def minus(left: list[Any], right: list[Any]) -> list[Any]:
    """The elements of `left` that are not in `right`, in order."""
    if all(element.__class__ is str for element in right):
        gone = set(right)
        return [element for element in left if element.__class__ is not str or element not in gone]
    return [element for element in left if not any(equal(element, other) for other in right)]


def lookup(table: Mapping[str, Any], key: Any) -> Any:
    """What the table has under the key, null when absent. A number or boolean is looked up as JSON writes it."""
    if isinstance(key, bool):
        return table.get("true" if key else "false")
    return table.get(key if isinstance(key, str) else str(key))


def contains(subject: Any, wanted: Any) -> bool:
    """Whether the list has the element, or the text has the part."""
    if isinstance(subject, list):
        return any(equal(element, wanted) for element in subject)
    if not isinstance(wanted, str):
        raise FunctionFailed(
            f"contains: argument 2 must be text to be in text, it is a {kind_of(wanted)}: {shown(wanted)}"
        )
    return wanted in subject


def avg(numbers: list[float]) -> float | None:
    return sum(numbers) / len(numbers) if numbers else None


def largest(values: list[Any]) -> Any:
    return max(values) if values else None


def smallest(values: list[Any]) -> Any:
    return min(values) if values else None


def merge(*objects: Mapping[str, Any]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for each in objects:
        merged.update(each)
    return merged


def not_null(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def reverse(value: Any) -> Any:
    return value[::-1]


def to_array(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


_JMESPATH_NAMES = {"text": "string", "list": "array"}


def type_name(value: Any) -> str:
    """JMESPath's names: string, number, boolean, array, object, null."""
    name = kind_of(value)
    return _JMESPATH_NAMES.get(name, name)


def mapped(inner: Inner, elements: list[Any]) -> list[Any]:
    return [inner(element) for element in elements]


def _keys(elements: list[Any], inner: Inner, function: str) -> list[Any]:
    keys = [inner(element) for element in elements]
    kinds = {kind_of(key) for key in keys}
    if not kinds or kinds in ({"number"}, {"text"}):
        return keys
    odd = next(key for key in keys if kind_of(key) not in ("number", "text") or kind_of(key) != kind_of(keys[0]))
    raise FunctionFailed(
        f"{function}: argument 2 must be a number for every element or text for every element; for one it is {shown(odd)}"
    )


def sort_by(elements: list[Any], inner: Inner) -> list[Any]:
    keys = _keys(elements, inner, "sort_by")
    return [elements[index] for index in sorted(range(len(keys)), key=keys.__getitem__)]


def max_by(elements: list[Any], inner: Inner) -> Any:
    keys = _keys(elements, inner, "max_by")
    return elements[max(range(len(keys)), key=keys.__getitem__)] if keys else None


def min_by(elements: list[Any], inner: Inner) -> Any:
    keys = _keys(elements, inner, "min_by")
    return elements[min(range(len(keys)), key=keys.__getitem__)] if keys else None


def ceil(number: float) -> int:
    return math.ceil(number)


def floor(number: float) -> int:
    return math.floor(number)
