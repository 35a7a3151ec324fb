"""Which paths an expression reads: from the root, or inside a filter, projection or pipe, where names mean the element's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from engine.expressions.grammar import Node

Path = tuple[str, ...]


@dataclass(slots=True)
class Reads:
    """`outer` are paths from the root; `inner` those looked up in an element or an earlier result, with their nodes."""

    outer: set[Path] = field(default_factory=set)
    inner: list[tuple[Path, Node]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Where:
    """Where a node stands: what a name there is looked up in. `names` is the static path so far, None: none can be told."""

    outer: bool
    names: Path | None = ()
    first: Node | None = None


_ROOT = _Where(True)
_ELEMENT = _Where(False)
_MEMBER = _Where(False, None)  # behind a dot or an index: a key of what stands before, surely no root


def reads_of(node: Node) -> Reads:
    """The static paths of a tree. A path ends at an index, a function or a projection."""
    reads = Reads()
    _read(node, _ROOT, reads)
    return reads


def _read(node: Node, where: _Where, reads: Reads) -> None:
    _note(_follow(node, where, reads), reads)


def _note(where: _Where, reads: Reads) -> None:
    if not where.names or where.first is None:
        return
    if where.outer:
        reads.outer.add(where.names)
    else:
        reads.inner.append((where.names, where.first))


def _follow(node: Node, where: _Where, reads: Reads) -> _Where:
    """Where the value of the node stands, having noted what was read on the way."""
    kind, children = node["type"], node["children"]
    if kind == "field":
        return _stepped(node, where)
    if kind in ("current", "identity"):
        # `@.status` says: the element's own key.
        return where if where.outer else _MEMBER
    if kind == "subexpression":
        for child in children:
            where = _follow(child, where, reads)
        return where
    if kind in ("pipe", "index_expression", "projection", "filter_projection", "value_projection", "flatten"):
        return _element(kind, children, where, reads)
    _note(where, reads)
    inside = _ELEMENT if kind == "expref" or where.names != () or not where.outer else where
    for child in children:
        if isinstance(child, dict):
            _read(child, inside, reads)
    return _MEMBER


def _stepped(node: Node, where: _Where) -> _Where:
    if where.names is None:
        return where
    return replace(where, names=(*where.names, node["value"]), first=where.first or node)


def _element(kind: str, children: list[Node], where: _Where, reads: Reads) -> _Where:
    reached = _follow(children[0], where, reads)
    if kind == "pipe":
        if reached is not where:
            _note(reached, reads)
            reached = _ELEMENT
        return _follow(children[1], reached, reads)
    _note(reached, reads)
    if len(children) > 1 and kind != "flatten":
        _read(children[1], _MEMBER, reads)
    if kind == "filter_projection":
        _read(children[2], _ELEMENT, reads)
    return _MEMBER


def every(node: Node) -> Iterator[Node]:
    """The node and all below it."""
    yield node
    for child in node["children"]:
        if isinstance(child, dict):
            yield from every(child)
