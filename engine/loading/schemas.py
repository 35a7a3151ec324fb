"""The JSON Schemas that travel with NSPS: read and compiled once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import jsonschema
import jsonschema_rs

from engine.errors import WrongUse
from engine.library import shipped

SCHEMAS = ("nsps", "connector", "pipeline", "test")
Schema = Mapping[str, Any]


@cache
def schema(name: str) -> Schema:
    """The JSON Schema of that name. Raises WrongUse for a name there is none of."""
    if name not in SCHEMAS:
        raise WrongUse(f"there is no schema `{name}`; there are {', '.join(SCHEMAS)}")
    found: Schema = json.loads((shipped("schemas") / f"{name}.schema.json").read_text(encoding="utf-8"))
    return found


@cache
def fast(name: str) -> Any:
    """Says whether a value fits, in microseconds, but not well why it does not."""
    return jsonschema_rs.validator_for(dict(schema(name)))


@cache
def thorough(name: str) -> jsonschema.Draft202012Validator:
    """Says everything that does not fit."""
    return jsonschema.Draft202012Validator(dict(schema(name)))


def resolve(root: Schema, part: Schema) -> Schema:
    """The part, or the definition it refers to, with what it says beside the reference."""
    reference = part.get("$ref", "")
    if not reference.startswith("#/$defs/"):
        return part
    return {**resolve(root, root["$defs"][reference.removeprefix("#/$defs/")]), **part}


@cache
def owners(name: str) -> Mapping[str, tuple[str, ...]]:
    """Each field of the schema and the titles of what has it: where a misplaced field belongs."""
    found: dict[str, list[str]] = {}
    for part in _parts(schema(name)):
        for field in part.get("properties", {}):
            titles = found.setdefault(field, [])
            if part["title"] not in titles:
                titles.append(part["title"])
    return {field: tuple(titles) for field, titles in found.items()}


def _parts(part: Any) -> Iterator[Schema]:
    if isinstance(part, dict):
        if isinstance(part.get("properties"), dict) and isinstance(part.get("title"), str):
            yield part
        for key, child in part.items():
            if key not in ("examples", "default"):
                yield from _parts(child)
    elif isinstance(part, list):
        for child in part:
            yield from _parts(child)
