"""Nodes of one file to values: every fault becomes a finding, and a stand-in lets the rest be built and checked."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from engine.connector import Step
from engine.expressions.compile import compile_expression, constant, list_of, object_of
from engine.expressions.expression import Expression
from engine.expressions.invalid import ExpressionInvalid, TemplateInvalid
from engine.expressions.template import Escape, TextTemplate, TreeTemplate
from engine.expressions.templates import compile_leaf, compile_text, tree_constant, tree_list, tree_object
from engine.expressions.traps import traps
from engine.loading.durations import QuantityInvalid
from engine.loading.environment import Filled
from engine.loading.findings import Findings, Spot
from engine.loading.node import Node
from engine.loading.roots import ROOTS, Scope
from engine.place import Place

V = TypeVar("V")
Reads = frozenset[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Where:
    """What an expression or template belongs to: its scope, the operation, enrichment or pipeline, and its number there."""

    scope: Scope
    part: str = ""
    at: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One expression or template as written, with what it reads: the material of the cross-references."""

    node: Node
    text: str
    reads: Reads
    where: Where
    template: bool = False

    def spot(self, name: str) -> Spot:
        """Where a dotted name stands in it; the whole when its spelling differs (`a."b"`, `a['b']`)."""
        found = re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", self.text)
        if found is None:
            return Spot(self.node.place, self.node.length)
        return Spot(self.node.place_at(found.start()), len(name))


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSite:
    """One place that names an operation or enrichment. `by_name`: no `with` stands there."""

    kind: str  # step | ask | enrichment | login | refresh | probe
    connector: str
    operation: str
    node: Node  # the name as written
    given: Node | None = None  # the `with` map
    arguments: dict[str, Expression] | None = None
    step: Step | None = None
    where: Where
    optional: bool = False


@dataclass(slots=True)
class Draft:
    """One file being built, with what it reads and calls."""

    file: str
    findings: Findings
    filled: Filled
    uses: list[Use] = field(default_factory=list)
    calls: list[CallSite] = field(default_factory=list)

    def expression(self, node: Node | None, where: Where) -> Expression | None:
        """The expression a node holds, in whichever YAML form; None when there is none."""
        if node is None:
            return None
        if node.kind == "map":
            members = {key: self.required(child, where) for key, child in node.value.items()}
            return object_of(members, node.place)
        if node.kind == "list":
            return list_of([self.required(child, where) for child in node.value], node.place)
        if node.kind != "text":
            return constant(node.value, node.place)
        return self._compiled(node, where)

    def required(self, node: Node | None, where: Where) -> Expression:
        """The same; a stand-in for null when there is none."""
        return self.expression(node, where) or _stand_in(node.place if node else Place(self.file, 1, 1))

    def expressions(self, node: Node | None, where: Where) -> dict[str, Expression] | None:
        """A map of expressions, None when the node is no map."""
        if node is None or node.kind != "map":
            return None
        return {key: self.required(child, where) for key, child in node.value.items()}

    def template(self, node: Node | None, where: Where, escape: Escape) -> TextTemplate | None:
        """The text template a scalar holds; None when there is none or it is none."""
        if node is None or node.kind in ("map", "list", "null"):
            return None
        text = node.value if node.kind == "text" else str(node.plain()).lower()
        try:
            template = compile_text(text, node.place, escape)
        except TemplateInvalid as error:
            self._invalid("NSPS321", error, node)
            return None
        self.uses.append(Use(node=node, text=text, reads=template.reads, where=where, template=True))
        return template

    def blank(self, place: Place) -> TextTemplate:
        """The template of an empty text, a stand-in."""
        return compile_text("", place)

    def templates(self, node: Node | None, where: Where, escape: Escape) -> dict[str, TextTemplate]:
        """A map of text templates; empty when the node is no map."""
        if node is None or node.kind != "map":
            return {}
        made = {key: self.template(child, where, escape) for key, child in node.value.items()}
        return {key: template for key, template in made.items() if template is not None}

    def tree(self, node: Node | None, where: Where) -> TreeTemplate | None:
        """The template of a YAML value; None when there is none."""
        if node is None:
            return None
        if node.kind == "map":
            return tree_object({key: self._tree(child, where) for key, child in node.value.items()}, node.place)
        if node.kind == "list":
            return tree_list([self._tree(child, where) for child in node.value], node.place)
        return self._tree(node, where)

    def quantity(self, node: Node | None, read: Callable[[str], V], otherwise: V) -> V:
        """A duration, rate or size; `otherwise` when it is missing, wrong (a finding) or a placeholder."""
        if node is None or node.kind != "text" or node.place in self.filled.placeholders:
            return otherwise
        try:
            return read(node.value)
        except QuantityInvalid as error:
            if node.place not in self.filled.origins:  # a value of the environment has been judged, unshown
                self.findings.error("NSPS231", f"`{node.value}` is not understood: {error}", node)
            return otherwise

    def _tree(self, node: Node, where: Where) -> TreeTemplate:
        if node.kind in ("map", "list"):
            return self.tree(node, where) or tree_constant(None, node.place)
        if node.kind != "text":
            return tree_constant(node.value, node.place)
        try:
            leaf = compile_leaf(node.value, node.place)
        except TemplateInvalid as error:
            self._invalid("NSPS321", error, node)
            return tree_constant(None, node.place)
        self.uses.append(Use(node=node, text=node.value, reads=leaf.reads, where=where, template=True))
        return leaf

    def _compiled(self, node: Node, where: Where) -> Expression:
        if node.place in self.filled.misplaced:
            return _stand_in(node.place)
        try:
            expression = compile_expression(node.value, node.place)
        except ExpressionInvalid as error:
            self._invalid("NSPS320", error, node)
            return _stand_in(node.place)
        self.uses.append(Use(node=node, text=node.value, reads=expression.reads, where=where))
        for trap in traps(node.value, frozenset(ROOTS[where.scope])):
            spot = Spot(node.place_at(trap.offset), trap.length)
            self.findings.error(trap.code, trap.message, spot, notes=trap.notes)
        return expression

    def _invalid(self, code: str, error: ExpressionInvalid | TemplateInvalid, node: Node) -> None:
        spot = Spot(node.place_at(error.offset), error.length)
        self.findings.error(code, error.message, spot, notes=error.notes)


def _stand_in(place: Place) -> Expression:
    """An expression of which nothing is known: it reads something nobody asks for, so it is taken for no constant."""
    return Expression(text="", place=place, reads=frozenset({("",)}), evaluate=lambda _scope: None)


def text(node: Node | None, otherwise: str = "") -> str:
    """The text of a scalar; `otherwise` when it is missing or no text (the schema check has said so)."""
    return node.value if node is not None and node.kind == "text" else otherwise


def texts(node: Node | None) -> tuple[str, ...]:
    """The texts of a list."""
    return tuple(item.value for item in items(node) if item.kind == "text")


def items(node: Node | None) -> list[Node]:
    """The members of a list; none when the node is no list."""
    return list(node.value) if node is not None and node.kind == "list" else []


def members(node: Node | None) -> dict[str, Node]:
    """The members of a map; none when the node is no map."""
    return dict(node.value) if node is not None and node.kind == "map" else {}


def flag(node: Node | None, otherwise: bool = False) -> bool:
    """A boolean; `otherwise` when it is missing or none."""
    return bool(node.value) if node is not None and node.kind == "bool" else otherwise


def number(node: Node | None) -> Any:
    """A number, None when it is missing or none."""
    return node.value if node is not None and node.kind == "number" else None


def whole(node: Node | None) -> int | None:
    """A whole number, None when it is missing or none."""
    value = number(node)
    return int(value) if value is not None and float(value).is_integer() else None
