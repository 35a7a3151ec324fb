"""Compiled templates: TextTemplate gives text, TreeTemplate a JSON value whose leaves keep their types."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from engine.expressions.expression import Scope
from engine.place import NOWHERE, Place

Escape = Literal["none", "url", "header", "xml", "reason"]


class Omit:
    """The type of OMIT, which drops the key or element it stands in."""

    def __repr__(self) -> str:
        return "omit"


OMIT: Final = Omit()


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTemplate:
    """Text with holes, escaped for where it goes.

    `render` gives the text for a scope, or OMIT when the whole is `{{ … | default(omit) }}`. Raises OursFailed with the place.
    """

    text: str
    place: Place = NOWHERE
    reads: frozenset[tuple[str, ...]] = frozenset()
    render: Callable[[Scope], str | Omit] = field(repr=False, compare=False)

    @property
    def roots(self) -> frozenset[str]:
        """The first name of each path it reads."""
        return frozenset(path[0] for path in self.reads)


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeTemplate:
    """A YAML value with holes. A leaf that is exactly one `{{ … }}` keeps its value's type; other text gives text.

    `render` gives the JSON value for a scope, or OMIT. Raises OursFailed with the place of the leaf that failed.
    """

    place: Place = NOWHERE
    reads: frozenset[tuple[str, ...]] = frozenset()
    render: Callable[[Scope], Any] = field(repr=False, compare=False)
    members: dict[str, TreeTemplate] | list[TreeTemplate] | None = None  # for finding the line behind a value

    @property
    def roots(self) -> frozenset[str]:
        """The first name of each path it reads."""
        return frozenset(path[0] for path in self.reads)
