"""The Jinja2 environment templates run in: data in, text out, nothing else within reach, and bounded in all it does."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from jinja2 import ChainableUndefined, StrictUndefined, Undefined
from jinja2.exceptions import SecurityError, UndefinedError
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing

from engine.expressions.escapes import TEXT_OF
from engine.expressions.filters import FILTERS, TESTS
from engine.expressions.invalid import FunctionFailed
from engine.expressions.kinds import kind_of, with_article
from engine.expressions.template import OMIT, Escape

MAX_RESULT = 4 * 1024 * 1024
MAX_NUMBER = 2**64
_LOOP_KEYS = frozenset({"index", "index0", "first", "last", "length", "revindex", "revindex0", "previtem", "nextitem"})


def absent(name: str, holder: Any) -> str:
    """The message for a name that is not there, with the names that are."""
    if isinstance(holder, Mapping):
        there = ", ".join(sorted(str(key) for key in list(holder)[:20])) or "nothing"
        return f"{name} is not defined; there is: {there}"
    if isinstance(holder, list) and name.lstrip("-").isdigit():
        return f"element {name} is not defined: the list has {len(holder)}"
    return f"{name} is not defined" + (
        f": {with_article(kind_of(holder))} has no keys" if holder is not missing else ""
    )


class Missing(StrictUndefined):
    """A name that is not there: an error wherever it is used, but `default` and `is defined` may ask."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        if self._undefined_hint:
            return str(self._undefined_hint)
        return absent(str(self._undefined_name), self._undefined_obj)


class Nothing(ChainableUndefined):
    """A name that is not there, in a `reason`: it reads as nothing."""

    __slots__ = ()


class Environment(ImmutableSandboxedEnvironment):
    """Jinja2 with keys for attributes, no calls, bounded arithmetic, and our filters and tests only."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})
    intercepted_unops = frozenset({"+", "-"})

    def __init__(self, escape: Escape) -> None:
        undefined: type[Undefined] = Nothing if escape == "reason" else Missing
        super().__init__(undefined=undefined, finalize=TEXT_OF[escape], keep_trailing_newline=True)
        self.globals = {"omit": OMIT}
        self.filters = dict(FILTERS)
        self.tests = dict(TESTS)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A dot reads a key, never a Python attribute."""
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """A key of an object, an element of a list, else undefined. What is undefined stays so, under its first name."""
        if isinstance(obj, Undefined):
            return obj
        if isinstance(obj, Mapping):
            return obj[argument] if argument in obj else self.undefined(obj=obj, name=argument)
        if isinstance(obj, LoopContext) and argument in _LOOP_KEYS:
            return getattr(obj, argument)
        if isinstance(obj, (list, str)) and isinstance(argument, int) and -len(obj) <= argument < len(obj):
            return obj[argument]
        return self.undefined(obj=obj, name=argument)

    def call(self, *_args: Any, **_kwargs: Any) -> Any:
        """Nothing is called."""
        raise SecurityError("nothing can be called in a template")

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Arithmetic on numbers, `+` on text and lists, all bounded."""
        for operand in (left, right):
            if isinstance(operand, StrictUndefined):
                raise UndefinedError(operand._undefined_message)
        if operator == "+" and left.__class__ is right.__class__ and isinstance(left, (str, list)):
            if len(left) + len(right) > MAX_RESULT:
                raise FunctionFailed("+ makes more than 4 Mi of text")
            return left + right
        if not (_is_number(left) and _is_number(right)):
            kinds = f"{kind_of(left)} and {kind_of(right)}"
            raise FunctionFailed(f"{operator} takes numbers, not {kinds}; text is put together with ~")
        if operator == "**" and (abs(right) > 64 or abs(left) > MAX_NUMBER):
            raise FunctionFailed("** makes a number that is too large")
        return _bounded(super().call_binop(context, operator, left, right), operator)

    def call_unop(self, context: Context, operator: str, arg: Any) -> Any:
        """The sign of a number."""
        if isinstance(arg, StrictUndefined):
            raise UndefinedError(arg._undefined_message)
        if not _is_number(arg):
            raise FunctionFailed(f"{operator} takes a number, not {kind_of(arg)}")
        return super().call_unop(context, operator, arg)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _bounded(value: Any, operator: str) -> Any:
    if isinstance(value, complex) or not math.isfinite(value) or abs(value) > MAX_NUMBER:
        raise FunctionFailed(f"{operator} makes a number that is too large or none")
    return value


ENVIRONMENTS: dict[Escape, Environment] = {escape: Environment(escape) for escape in TEXT_OF}
