"""Which alternative of a schema somebody meant: the failures of that one are the ones worth telling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.loading.schemas import Schema, resolve
from engine.loading.suggest import nearest

_TYPES: Mapping[type, str] = {
    dict: "object",
    list: "array",
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """What an instance says about its alternative: exactly one of the fields is set.

    `index`: this branch. `field` with `values`: the field that tells the branches apart is missing or none of these.
    `together`: fields that exclude each other. `missing`: one of these fields is needed. `types`: none of the branches
    takes a value of this type.
    """

    index: int | None = None
    field: str = ""
    values: tuple[str, ...] = ()
    together: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    types: tuple[str, ...] = ()


def choose(root: Schema, branches: Sequence[Schema], instance: Any) -> Choice:
    """The alternative that was meant, by type, by a constant field such as `kind`, by the fields that are there."""
    resolved = [resolve(root, branch) for branch in branches]
    fitting = [index for index, branch in enumerate(resolved) if takes(branch, instance)]
    if not fitting:
        return Choice(types=tuple(dict.fromkeys(kind for branch in resolved for kind in types(branch))))
    if len(fitting) == 1:
        return Choice(index=fitting[0])
    if not isinstance(instance, dict):
        return Choice(index=fitting[0])
    field = _discriminator(resolved)
    if field:
        values = [branch["properties"][field]["const"] for branch in resolved]
        found = instance.get(field)
        return Choice(index=values.index(found)) if found in values else Choice(field=field, values=tuple(values))
    return _by_presence(resolved, instance)


def types(branch: Schema) -> tuple[str, ...]:
    """The JSON types a schema takes; none named: all."""
    named = branch.get("type", ())
    return (named,) if isinstance(named, str) else tuple(named)


def takes(branch: Schema, instance: Any) -> bool:
    """Whether a schema takes values of the instance's type."""
    allowed, found = types(branch), _TYPES[type(instance)]
    return not allowed or found in allowed or (found == "integer" and "number" in allowed)


def _discriminator(branches: Sequence[Schema]) -> str:
    """The field that every branch has a constant for."""
    for name in branches[0].get("properties", {}):
        if all("const" in branch.get("properties", {}).get(name, ()) for branch in branches):
            return str(name)
    return ""


def _by_presence(branches: Sequence[Schema], instance: dict[str, Any]) -> Choice:
    """The branch whose own required field is there, or nearly there."""
    required = [set(branch.get("required", ())) for branch in branches]
    own: dict[str, int] = {}
    for index, names in enumerate(required):
        others = set[str]().union(*(other for at, other in enumerate(required) if at != index))
        own |= dict.fromkeys(sorted(names - others), index)
    present = [name for name in instance if name in own]
    if len({own[name] for name in present}) > 1:
        return Choice(together=tuple(present))
    if present:
        return Choice(index=own[present[0]])
    for name in instance:
        meant = nearest(name, own)
        if meant and all("properties" in branch for branch in branches):
            return Choice(index=own[meant])
    return Choice(missing=tuple(own))
