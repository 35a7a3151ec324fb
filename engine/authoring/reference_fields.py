"""Field tables of the documentation, from the JSON Schemas."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from engine.errors import WrongUse
from engine.library import shipped

_TYPES = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "`true` or `false`",
    "array": "list",
    "object": "object",
}
_NAMED = {
    "name": "name",
    "id": "name",
    "optional_name": "name",
    "operation_name": "`connector.name`",
    "duration": "duration",
    "rate": "rate",
    "size": "size",
    "expression": "expression",
    "selector": "expression",
    "condition": "expression",
    "template": "template",
    "tree": "value with templates",
    "answer": "HTTP status",
}


def fields(kind: str, where: str = "") -> str:
    """The table of one object of a schema: its root, one of its `$defs` (`verdict_rule`) or a path (`receive.espf`).

    Raises WrongUse when the schema has no such object.
    """
    schema = json.loads((shipped("schemas") / f"{kind}.schema.json").read_text(encoding="utf-8"))
    found = _found(schema, where)
    if not found or "properties" not in found:
        raise WrongUse(f"{kind}.schema.json has no fields at {where or 'its root'}")
    required = found.get("required", ())
    rows = [
        (f"`{name}`", _value(one, schema["$defs"]), _default(name, one, required), cell(one["description"]))
        for name, one in found["properties"].items()
    ]
    return "\n".join(table(("Field", "Value", "Default", "Meaning"), rows))


def _found(schema: Mapping[str, Any], where: str) -> Mapping[str, Any] | None:
    if not where:
        return schema
    if where in schema["$defs"]:
        named: Mapping[str, Any] = schema["$defs"][where]
        return named
    found: Mapping[str, Any] | None = schema
    for part in where.split("."):
        found = (found or {}).get("properties", {}).get(part)
    return found


def _value(one: Mapping[str, Any], defs: Mapping[str, Any]) -> str:
    named = str(one.get("$ref", "")).rsplit("/", 1)[-1]
    if named in _NAMED:
        return _NAMED[named]
    one = {**defs.get(named, {}), **one}
    if "enum" in one:
        return ", ".join(f"`{choice}`" for choice in one["enum"])
    if "const" in one:
        return f"`{one['const']}`"
    if "type" not in one:
        return "object" if "oneOf" in one else "any value"
    types = one["type"]
    return " or ".join(_TYPES.get(each, each) for each in ([types] if isinstance(types, str) else types))


def _default(name: str, one: Mapping[str, Any], required: Sequence[str]) -> str:
    if name in required:
        return "required"
    if "default" not in one:
        return ""
    default = one["default"]
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Markdown lines of a table."""
    return [_row(head), _row(["---"] * len(head)), *(_row(row) for row in rows)]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def cell(text: str) -> str:
    """Text that cannot end its cell."""
    return text.replace("|", "\\|").replace("\n", " ")


def code(text: str) -> str:
    """Text as code in a cell, backticks and all."""
    return f"`` {cell(text)} ``" if "`" in text else f"`{cell(text)}`"
