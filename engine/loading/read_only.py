"""Whether a call changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engine.connector import Operation


def read_only_throughout(name: str, operations: Mapping[str, Operation], seen: Iterable[str] = ()) -> bool:
    """Whether an operation says so itself or, made of steps, all its steps are."""
    operation = operations.get(name)
    if operation is None or name in seen:
        return False
    if not operation.steps:
        return operation.read_only
    return all(read_only_throughout(step.operation, operations, (*seen, name)) for step in operation.steps)
