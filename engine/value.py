"""Values of the hot path: frozen for mypy, plain when they run.

A frozen dataclass sets each field through `object.__setattr__`, which makes it three times slower to build (1.4 against
0.4 us for eleven fields), and an event builds some sixty of them. mypy refuses assignment to these all the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def value(cls: type[T]) -> type[T]:
    """A dataclass with slots whose fields are given by name and never assigned again; equal and hashed by them."""
    return dataclass(slots=True, kw_only=True, unsafe_hash=True)(cls)
