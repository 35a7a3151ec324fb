"""A compiled expression, whatever YAML form it was written in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.place import NOWHERE, Place

Scope = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """JMESPath, or a YAML mapping, list or constant built of it.

    `reads` are the static paths it reads, from the root: ("data", "variables", "i_account"), ("vars", "open").
    `inner_reads` are those inside a filter or projection, after a pipe, or in `&name`: looked up in an element, not in the root.
    `evaluate` gives the JSON value it selects from a scope; raises OursFailed, with the place, when a function refuses its
    arguments.
    """

    text: str
    place: Place = NOWHERE
    reads: frozenset[tuple[str, ...]] = frozenset()
    inner_reads: frozenset[tuple[str, ...]] = frozenset()
    evaluate: Callable[[Scope], Any] = field(repr=False, compare=False)

    @property
    def roots(self) -> frozenset[str]:
        """The first name of each path it reads."""
        return frozenset(path[0] for path in self.reads)
