"""Text or YAML structure to an Expression, once, when the file is loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from engine.errors import OursFailed
from engine.expressions.calls import check_call
from engine.expressions.closures import closure_of
from engine.expressions.expression import Expression, Scope
from engine.expressions.grammar import Node, parse
from engine.expressions.invalid import ExpressionInvalid, FunctionFailed
from engine.expressions.reads import every, reads_of
from engine.place import NOWHERE, Place


def compile_expression(text: str, place: Place = NOWHERE) -> Expression:
    """The expression, ready to evaluate.

    Raises ExpressionInvalid for wrong syntax, an unknown function, or arguments of the wrong number or kind.
    """
    tree = parse(text)
    _check(tree)
    reads = reads_of(tree)
    return Expression(
        text=text,
        place=place,
        reads=frozenset(reads.outer),
        inner_reads=frozenset(path for path, _ in reads.inner),
        evaluate=_guarded(closure_of(tree), text, place) if _calls(tree) else closure_of(tree),
    )


def _check(tree: Node) -> None:
    arguments: set[int] = set()
    for node in every(tree):
        if node["type"] == "function_expression":
            check_call(node)
            arguments.update(id(child) for child in node["children"])
        elif node["type"] == "expref" and id(node) not in arguments:
            note = "for and write &&; & goes before an argument, as in find(list, &name, 'x')"
            raise ExpressionInvalid("& has no meaning here", node["start"], 1, (note,))


def _calls(tree: Node) -> bool:
    """Whether a function is called: nothing else can fail."""
    return any(node["type"] == "function_expression" for node in every(tree))


def _guarded(run: Callable[[Any], Any], text: str, place: Place) -> Callable[[Scope], Any]:
    def guarded(scope: Scope) -> Any:
        try:
            return run(scope)
        except FunctionFailed as failed:
            raise OursFailed(f"{failed} (in {_short(text)})", place) from failed

    return guarded


def _short(text: str) -> str:
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= 120 else one_line[:119] + "…"


def constant(value: Any, place: Place = NOWHERE) -> Expression:
    """An expression that is always `value`: a number, true, false or null of YAML."""
    return Expression(text=str(value), place=place, evaluate=lambda _scope: value)


def object_of(members: Mapping[str, Expression], place: Place = NOWHERE, text: str = "") -> Expression:
    """An object whose members are worked out in order; a null member stays, as null."""
    parts = [(name, member.evaluate) for name, member in members.items()]
    return Expression(
        text=text or "{" + ", ".join(f"{name}: {member.text}" for name, member in members.items()) + "}",
        place=place,
        reads=_all_reads(members.values()),
        inner_reads=frozenset().union(*(member.inner_reads for member in members.values())),
        evaluate=lambda scope: {name: run(scope) for name, run in parts},
    )


def list_of(items: Sequence[Expression], place: Place = NOWHERE, text: str = "") -> Expression:
    """A list whose elements are worked out in order."""
    parts = [item.evaluate for item in items]
    return Expression(
        text=text or "[" + ", ".join(item.text for item in items) + "]",
        place=place,
        reads=_all_reads(items),
        inner_reads=frozenset().union(*(item.inner_reads for item in items)),
        evaluate=lambda scope: [run(scope) for run in parts],
    )


def _all_reads(expressions: Any) -> frozenset[tuple[str, ...]]:
    return frozenset().union(*(expression.reads for expression in expressions))
