"""Arguments of an operation: name, JSON Schema, whether they must be given, their default."""

from __future__ import annotations

from typing import Any, Final

import jsonschema_rs

from engine.connector import Argument
from engine.loading import suggest
from engine.loading.arguments import KNOWN_FORMATS, misfit
from engine.loading.draft import Draft, flag, members
from engine.loading.findings import did_you_mean, key_spot, known_names
from engine.loading.node import Node
from engine.loading.wording import JSON_TYPES

_OURS: Final = ("default", "secret")


def build_arguments(draft: Draft, node: Node | None) -> tuple[Argument, ...]:
    """The arguments an operation declares, in order."""
    return tuple(_argument(draft, written, schema) for written, schema in members(node).items())


def _argument(draft: Draft, written: str, node: Node) -> Argument:
    name = written.removesuffix("?")
    schema = {key: child.plain() for key, child in members(node).items() if key not in _OURS}
    default = node.get("default")
    sound = _schema_is_sound(draft, name, node, schema)
    if sound and default is not None:
        _default_fits(draft, name, schema, default)
    return Argument(
        name=name,
        schema=schema,
        required=not written.endswith("?") and default is None,
        has_default=default is not None,
        default=default.plain() if default is not None else None,
        secret=flag(node.get("secret")),
        place=node.key_place or node.place,
    )


_INSTANCES = "write for instance: {type: string}, {type: integer}, {type: array, items: {type: string}}"
_TYPES = {"int": "integer", "bool": "boolean", "text": "string", "str": "string", "list": "array", "float": "number"}


def _types(node: Node) -> tuple[str, ...]:
    """Notes on a type there is none of."""
    written = str(node.value).lower()
    usual = f"write:  type: {_TYPES[written]}" if written in _TYPES else ""
    near = suggest.did_you_mean(str(node.value), JSON_TYPES)
    return (*((usual,) if usual else near), f"one of: {', '.join(JSON_TYPES)}")


def _schema_is_sound(draft: Draft, name: str, node: Node, schema: dict[str, Any]) -> bool:
    try:
        jsonschema_rs.validator_for(schema)
    except jsonschema_rs.ValidationError as error:
        path = [str(key) for key in error.instance_path]
        at = _deepest(node, path)
        draft.findings.error(
            "NSPS230",
            f"the schema of argument `{name}` is no JSON Schema",
            at,
            label="" if "type" in path else error.message,
            notes=_types(at) if path[-1:] == ["type"] else (_INSTANCES,),
        )
        return False
    named = node.get("format")
    if named is None or named.kind != "text" or named.value in KNOWN_FORMATS:
        return True
    draft.findings.error(
        "NSPS230",
        f"there is no format `{named.value}`",
        named,
        notes=(did_you_mean(named.value, KNOWN_FORMATS), known_names("formats", KNOWN_FORMATS, limit=20)),
    )
    return False


def _default_fits(draft: Draft, name: str, schema: dict[str, Any], default: Node) -> None:
    why = misfit(default.plain(), schema)
    if why:
        spot = default if default.kind not in ("map", "list") else key_spot(default, "default")
        draft.findings.error("NSPS230", f"the default of argument `{name}` does not fit its schema", spot, label=why)


def _deepest(node: Node, path: list[str]) -> Node:
    for key in path:
        child = node.get(key)
        if child is None:
            break
        node = child
    return node
