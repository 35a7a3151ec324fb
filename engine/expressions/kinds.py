"""Kinds of JSON values: their names, what holds, what is equal, and how a message shows one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Kind:
    """What an argument may be. `classes` None: anything. `elements`: each alternative for a list's elements."""

    name: str
    classes: frozenset[type] | None = None
    elements: tuple[frozenset[type], ...] = ()

    def accepts(self, value: Any) -> bool:
        """Whether `value` is of this kind."""
        if self.classes is None:
            return True
        if value.__class__ not in self.classes and not self._accepts_subclass(value):
            return False
        if not self.elements or not isinstance(value, list):
            return True
        return any(all(element.__class__ in allowed for element in value) for allowed in self.elements)

    def _accepts_subclass(self, value: Any) -> bool:
        classes = self.classes or frozenset()
        if isinstance(value, bool):
            return False
        return isinstance(value, tuple(classes)) or (dict in classes and isinstance(value, Mapping))


_TEXT = frozenset({str})
_NUMBER = frozenset({int, float})

ANY = Kind("anything")
TEXT = Kind("text", _TEXT)
NUMBER = Kind("a number", _NUMBER)
BOOLEAN = Kind("true or false", frozenset({bool}))
LIST = Kind("a list", frozenset({list}))
OBJECT = Kind("an object", frozenset({dict}))
EXPRESSION = Kind("an expression (&name)")
KEY = Kind("text, a number, true or false", frozenset({str, int, float, bool}))
TEXT_OR_LIST = Kind("text or a list", frozenset({str, list}))
SIZED = Kind("text, a list or an object", frozenset({str, list, dict}))
NUMBERS = Kind("a list of numbers", frozenset({list}), (_NUMBER,))
TEXTS = Kind("a list of text", frozenset({list}), (frozenset({str, type(None)}),))
SORTABLE = Kind("a list of numbers or a list of text", frozenset({list}), (_NUMBER, _TEXT))


def kind_of(value: Any) -> str:
    """The name of the kind: text, number, boolean, list, object or null."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "text"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, list):
        return "list"
    return "object" if isinstance(value, Mapping) else type(value).__name__


def with_article(kind: str) -> str:
    """`a number`, `an object`, but `text` and `null`."""
    return kind if kind in ("text", "null") else f"{'an' if kind == 'object' else 'a'} {kind}"


def shown(value: Any) -> str:
    """The value as a message shows it: JSON, cut at 60 characters."""
    if isinstance(value, Mapping):
        return f"object with {', '.join(list(value)[:8]) or 'no keys'}"
    if isinstance(value, list) and len(value) > 20:
        return f"list of {len(value)}"
    try:
        text = json.dumps(value, ensure_ascii=False, default=lambda other: type(other).__name__)
    except (ValueError, RecursionError):
        text = type(value).__name__
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"


def holds(value: Any) -> bool:
    """JMESPath's truth: null, false, "", [] and {} do not hold; all else does, 0 too."""
    return bool(value) or (value is not False and isinstance(value, (int, float)))


def equal(left: Any, right: Any) -> bool:
    """JMESPath's equality: 1 is 1.0, but true is not 1."""
    if (left.__class__ is bool) is not (right.__class__ is bool):
        return False
    return bool(left == right)
