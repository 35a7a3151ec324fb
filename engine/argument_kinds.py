"""A value converted to the kind its JSON Schema declares, where nothing is lost."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from engine.scalar import scalar_text

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,29})")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,29})(?:\.[0-9]{1,30})?")


def converted(value: Any, schema: Mapping[str, Any]) -> Any:
    """`value` as `schema` wants it; `value` itself when it already is, or when converting would lose something."""
    wanted = schema.get("type")
    if wanted.__class__ is str and value.__class__ is _CLASSES.get(wanted):
        return value  # the usual case
    if isinstance(value, list):
        return _elements(value, schema.get("items"))
    if isinstance(value, Mapping):
        return _members(value, schema.get("properties"))
    kinds = [wanted] if isinstance(wanted, str) else wanted or ()
    if value is None or any(_is(value, kind) for kind in kinds):
        return value
    found = (_CONVERSIONS[kind](value) for kind in kinds if kind in _CONVERSIONS)
    return next((one for one in found if one is not None), value)


def _elements(values: list[Any], schema: Any) -> list[Any]:
    return [converted(value, schema) for value in values] if isinstance(schema, Mapping) else values


def _members(values: Mapping[str, Any], schemas: Any) -> Mapping[str, Any]:
    if not isinstance(schemas, Mapping):
        return values
    return {name: converted(value, schemas[name]) if name in schemas else value for name, value in values.items()}


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if isinstance(value, str):
        return kind == "string"
    return (isinstance(value, int) and kind in ("integer", "number")) or (isinstance(value, float) and kind == "number")


def _to_integer(value: Any) -> int | None:
    if isinstance(value, str):
        return int(value) if _INTEGER.fullmatch(value) and value != "-0" else None
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else None


def _to_number(value: Any) -> int | float | None:
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        return None
    whole = _to_integer(value)
    if whole is not None:
        return whole
    number = float(value)
    return number if Decimal(repr(number)) == Decimal(value) else None


def _to_boolean(value: Any) -> bool | None:
    return {"true": True, "false": False}.get(value) if isinstance(value, str) else None


_CLASSES: dict[str, type] = {"string": str, "integer": int, "boolean": bool}

_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "string": scalar_text,
    "integer": _to_integer,
    "number": _to_number,
    "boolean": _to_boolean,
}
