"""One thing that does not fit a schema: jsonschema's error as a value of ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from jsonschema.exceptions import ValidationError

from engine.loading.schemas import Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """`rule` is the keyword that failed (`required`, `type`, …), `limit` its value, `part` the schema it stands in.

    `path` leads from the root to the value; `alternatives` are the failures of the branches of `oneOf` and `anyOf`, each
    with the number of its branch. `examples` are of the field itself rather than of the definition it refers to; `secret`:
    the value must not be shown.
    """

    rule: str
    limit: Any
    part: Schema
    path: tuple[str | int, ...]
    instance: Any
    of_a_name: bool = False
    examples: tuple[Any, ...] = ()
    secret: bool = False
    alternatives: tuple[tuple[int, Failure], ...] = ()


def failure_of(error: ValidationError, root: Schema) -> Failure:
    """The value of an error, its alternatives too."""
    part: Schema = error.schema if isinstance(error.schema, Mapping) else {}
    field = _field(root, error.absolute_schema_path)
    return Failure(
        rule=str(error.validator),
        limit=error.validator_value,
        part=part,
        path=tuple(error.absolute_path),
        instance=error.instance,
        of_a_name="propertyNames" in error.absolute_schema_path,
        examples=tuple(field.get("examples", ())),
        secret=bool(field.get("writeOnly") or part.get("writeOnly")),
        alternatives=tuple(
            (int(inner.relative_schema_path[0]), failure_of(inner, root)) for inner in error.context or ()
        ),
    )


def _field(root: Schema, path: Iterable[str | int]) -> Schema:
    """The part of the schema at a path, as it stands where the field is: before the definition it refers to."""
    part: Any = root
    *steps, _rule = path
    for step in steps:
        # jsonschema's paths leave references out.
        while isinstance(part, Mapping) and step not in part and "$ref" in part:
            part = root["$defs"][part["$ref"].removeprefix("#/$defs/")]
        part = part[step]
    return part if isinstance(part, Mapping) else {}
