"""Strict YAML with positions: text to Nodes, or to problems."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from engine.place import Place
from engine.problem import Problem

Kind = Literal["map", "list", "text", "number", "bool", "null"]
Style = Literal["plain", "quoted", "block"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One YAML value with its position.

    `value` is dict[str, Node] for `map`, list[Node] for `list`, else the plain value. `key_place` is where the key stands
    when the node is a member of a map. `place` is the first character of the content (for quoted text: behind the quote).
    """

    kind: Kind
    value: Any
    place: Place
    length: int = 1
    key_place: Place | None = None
    style: Style = "plain"

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file that was read. `root` None when it could not be; `problems` then says why."""

    file: str
    text: str
    root: Node | None
    problems: tuple[Problem, ...] = ()


def parse(text: str | bytes, file: str) -> Source:
    """The file as Nodes. Never raises for what the file holds: every fault is a Problem with its place."""
    raise NotImplementedError
