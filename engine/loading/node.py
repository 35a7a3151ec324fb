"""One YAML value with its position."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from engine.loading.offsets import Position, position_of
from engine.place import Place

Kind = Literal["map", "list", "text", "number", "bool", "null"]
Style = Literal["plain", "quoted", "block"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One YAML value with its position.

    `value` is dict[str, Node] for `map`, list[Node] for `list`, else the plain value. `key_place` is where the key stands
    when the node is a member of a map. `place` is the first character of the content (for quoted text: behind the quote;
    for block text: on its first line). `length` is how much of that line the value takes. `raw` is a scalar as it was
    written, quotes or block header included, and `raw_place` where that begins.
    """

    kind: Kind
    value: Any
    place: Place
    length: int = 1
    key_place: Place | None = None
    style: Style = "plain"
    raw: str = field(default="", repr=False, compare=False)
    raw_place: Place | None = field(default=None, repr=False, compare=False)

    def plain(self) -> Any:
        """The JSON value, without positions."""
        if self.kind == "map":
            return {key: child.plain() for key, child in self.value.items()}
        if self.kind == "list":
            return [child.plain() for child in self.value]
        return self.value

    def get(self, key: str) -> Node | None:
        """The member of a map, None when it is missing or this is no map."""
        found = self.value.get(key) if self.kind == "map" else None
        return found if isinstance(found, Node) else None

    def place_at(self, offset: int) -> Place:
        """Where the character `offset` of a text value stands in the file, through escapes, folds and indentation.

        The node's own place for anything that is no text, and for text whose spelling is not known.
        """
        if self.kind != "text" or not self.raw or self.raw_place is None:
            return self.place
        start = Position(self.raw_place.line, self.raw_place.column)
        found = position_of(offset, self.value, self.raw, start, self.style)
        return Place(self.place.file, found.line, found.column)
