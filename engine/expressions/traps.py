"""Expressions that are JMESPath and yet surely not meant: each found, placed, and told what to write."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from engine.expressions.functions import FUNCTIONS
from engine.expressions.grammar import Node, parse
from engine.expressions.kinds import kind_of, shown, with_article
from engine.expressions.reads import every, reads_of

CODES: dict[str, tuple[str, str, str]] = {
    "NSPS301": (
        "! binds tighter than a dot",
        "`!a.b` means `(!a).b`: the key b of true or false, which is always null.",
        "!(a.b)",
    ),
    "NSPS302": (
        "an index behind a filter",
        "Behind `[?…]` all that follows is applied to each element, so `a[?x].b[0]` takes the first of every b, "
        "and null where b is no list.",
        "find(a, &name, 'x').b   or   a[?name == 'x'].b | [0]",
    ),
    "NSPS303": (
        "a filter behind a filter",
        "`a[?x].b[?y]` filters the list of all b, not within each b, though it reads as if it did.",
        "a[?x].b | [?y]   or   a[?x].b[] | [?y]   or   a[?x && y]",
    ),
    "NSPS304": (
        "a comparison that never holds",
        "The two sides are of different kinds whatever the event holds, and values of different kinds are never equal.",
        "to_string(data.variables.i_account) == '5'   or   length(vars.imsi) == `15`",
    ),
    "NSPS305": (
        "a root where names mean the element's keys",
        "Inside a filter, a projection, `&…` or after a pipe, JMESPath looks names up in the element and finds null.",
        "find(vars.profiles, &id, vars.wanted)   (or @.status, when the element does have a key of that name)",
    ),
    "NSPS306": (
        "true, false or null without backticks",
        "A bare `true` is the key of that name, which is null.",
        "active == `true`",
    ),
    "NSPS307": (
        "double quotes are not text",
        'Double quotes name a key: `"gold"` is the key gold, which is null.',
        "plan == 'gold'",
    ),
    "NSPS308": (
        "an order comparison of what has no order",
        "`<`, `<=`, `>`, `>=` compare two numbers, or text with text; all else gives null, which does not hold.",
        "length(vars.imsi) > `5`",
    ),
    "NSPS309": (
        "a filter after a pipe into nothing",
        "`[?…]` filters a list; applied to text, a number or true it gives null.",
        "vars.numbers[?starts_with(@, '1')]",
    ),
}
"""Each code: its title, what happens, and a right way to write it. `nsps explain` prints them."""

# Alone these are common keys of elements too; with a key behind them they are surely the root.
_COMMON_KEYS = frozenset(
    {"status", "error", "result", "body", "text", "headers", "data", "config", "args", "vars", "session"}
)
_NEEDS_NO_QUOTES = re.compile(r"[A-Za-z_][0-9A-Za-z_]*")
_PROJECTIONS = ("projection", "filter_projection", "value_projection")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trap:
    """One trap: `offset` counts characters from 0 in the expression's text; `notes` say what to write."""

    code: str
    message: str
    offset: int
    length: int
    notes: tuple[str, ...] = ()


def traps(text: str, roots: frozenset[str] | set[str] = frozenset()) -> list[Trap]:
    """All traps in an expression that compiles, in the order they stand there.

    `roots` are the names that mean something where it stands (`vars`, `data` …). Raises ExpressionInvalid for what is
    no JMESPath.
    """
    tree = parse(text)
    found = [trap for node in every(tree) for check in _CHECKS for trap in check(node, text)]
    found += _roots_inside(tree, text, roots)
    unique = {(trap.code, trap.offset): trap for trap in found}
    return sorted(unique.values(), key=lambda trap: (trap.offset, trap.code))


def _trap(code: str, message: str, node: Node, *notes: str) -> Trap:
    return Trap(
        code=code, message=message, offset=node["start"], length=max(1, node["end"] - node["start"]), notes=notes
    )


def _source(text: str, node: Node) -> str:
    return text[node["start"] : node["end"]]


def _not_before_dot(node: Node, text: str) -> Iterator[Trap]:
    if node["type"] not in ("subexpression", "index_expression", *_PROJECTIONS):
        return
    head = node["children"][0]
    if head["type"] == "flatten":
        head = head["children"][0]
    if head["type"] == "not_expression" and not head.get("grouped"):
        whole = _source(text, node)
        yield _trap("NSPS301", f"{whole} means ({_source(text, head)}){text[head['end'] : node['end']]}", node,
                    f"write !({whole[1:].lstrip()})")  # fmt: skip


def _index_behind_filter(node: Node, text: str) -> Iterator[Trap]:
    if node["type"] != "filter_projection":
        return
    for step in _indexes(node["children"][1]):
        base = text[node["start"] : step["start"]].rstrip()
        note = f"write {base} | [{step['value']}], or find(list, &name, value) for the one element"
        yield _trap("NSPS302", f"[{step['value']}] applies to each element the filter lets through", step, note)


def _indexes(node: Node) -> Iterator[Node]:
    """The indexes a projection applies to each element; what stands in a group or a projection of its own is meant."""
    if node.get("grouped"):
        return
    if node["type"] == "index":
        yield node
    elif node["type"] in ("subexpression", "index_expression"):
        for child in node["children"]:
            yield from _indexes(child)


def _filter_behind_filter(node: Node, text: str) -> Iterator[Trap]:
    head = node["children"][0] if node["type"] == "filter_projection" else None
    if head is None or head["type"] != "filter_projection" or head.get("grouped"):
        return
    first, second = _source(text, head), text[head["end"] : node["end"]].lstrip()
    yield _trap("NSPS303", f"is {second} for each element, or for the list that {first} gives?", node,
                f"it filters that list: say so by writing {first} | {second}",
                f"to filter within: {first}[] | {second}; for both tests at once: a[?x && y]")  # fmt: skip


_GIVES_LITERAL = ("not_expression", "comparator")


def _kind(node: Node) -> str | None:
    """The kind a node always has (null beside it), None when it depends on the data."""
    if node["type"] == "literal":
        return None if node["value"] is None else kind_of(node["value"])
    if node["type"] == "function_expression":
        gives = FUNCTIONS[node["value"]].gives if node["value"] in FUNCTIONS else "any"
        return None if gives == "any" else gives
    if node["type"] in ("multi_select_list", *_PROJECTIONS, "flatten"):
        return "list"
    if node["type"] == "multi_select_dict":
        return "object"
    return "boolean" if node["type"] in _GIVES_LITERAL else None


def _never_holds(node: Node, text: str) -> Iterator[Trap]:
    if node["type"] != "comparator" or node["value"] not in ("eq", "ne"):
        return
    left, right = node["children"]
    first, second = _kind(left), _kind(right)
    if first is None or second is None or first == second:
        return
    never = "never equals" if node["value"] == "eq" else "always differs from"
    message = (
        f"{_source(text, left)} is {with_article(first)} and {never} {_source(text, right)}, {with_article(second)}"
    )
    yield _trap("NSPS304", message, node, *_repair(text, left, right))


def _repair(text: str, left: Node, right: Node) -> tuple[str, ...]:
    for side, other in ((left, right), (right, left)):
        if side["type"] != "literal":
            continue
        value, wanted = side["value"], _kind(other)
        if isinstance(value, str) and wanted == "number" and value.isdigit():
            return (f"write `{value}`",)
        if isinstance(value, str) and wanted == "boolean" and value.lower() in ("true", "false"):
            return (f"write `{value.lower()}`",)
        if isinstance(value, (int, float)) and wanted == "text":
            return (f"write '{shown(value)}'",)
    if left["type"] == "not_expression" and not left.get("grouped"):
        return (
            f"! binds to {_source(text, left['children'][0])} alone: write !({_source(text, left)[1:]} == …), or !=",
        )
    return ()


def _no_order(node: Node, text: str) -> Iterator[Trap]:
    if node["type"] != "comparator" or node["value"] in ("eq", "ne"):
        return
    left, right = node["children"]
    first, second = _kind(left), _kind(right)
    odd = next((kind for kind in (first, second) if kind not in (None, "number", "text")), None)
    if odd:
        yield _trap("NSPS308", f"{_source(text, node)} has no order: {with_article(odd)}", node)
    elif first and second and first != second:
        message = f"{_source(text, node)} has no order: {with_article(first)} with {with_article(second)}"
        yield _trap("NSPS308", message, node, *_repair(text, left, right))


def _bare_word(node: Node, _text: str) -> Iterator[Trap]:
    if node["type"] == "field" and node["value"] in ("true", "false", "null") and not node.get("quoted"):
        yield _trap("NSPS306", f"{node['value']} is a key here", node, f"write `{node['value']}` in backticks")


def _quoted_side(node: Node, text: str) -> Iterator[Trap]:
    sides = node["children"] if node["type"] in ("comparator", "function_expression") else []
    if node["type"] == "or_expression":  # a default: where a key is meant, only one that needs its quotes has them
        sides = [side for side in node["children"][1:] if _NEEDS_NO_QUOTES.fullmatch(str(side.get("value")))]
    for side in sides:
        if side["type"] == "field" and side.get("quoted"):
            yield _trap("NSPS307", f"{_source(text, side)} is a key, not text", side, f"write '{side['value']}'")


def _filtered_scalar(node: Node, text: str) -> Iterator[Trap]:
    if node["type"] != "filter_projection":
        return
    kind = _kind(node["children"][0])
    if kind in ("text", "number", "boolean"):
        yield _trap(
            "NSPS309",
            f"{_source(text, node['children'][0])} is {with_article(kind)}; only a list can be filtered",
            node,
        )


_CHECKS: tuple[Callable[[Node, str], Iterator[Trap]], ...] = (
    _not_before_dot,
    _index_behind_filter,
    _filter_behind_filter,
    _never_holds,
    _no_order,
    _bare_word,
    _quoted_side,
    _filtered_scalar,
)


def _roots_inside(tree: Node, text: str, roots: frozenset[str] | set[str]) -> list[Trap]:
    found = []
    for path, node in reads_of(tree).inner:
        if path[0] not in roots or node.get("quoted") or (len(path) == 1 and path[0] in _COMMON_KEYS):
            continue
        name = ".".join(path)
        found.append(
            Trap(
                code="NSPS305",
                message=f"{name} is looked up in the element here, not in {path[0]}, and is null",
                offset=node["start"],
                length=len(name) if text.startswith(name, node["start"]) else len(path[0]),
                notes=(
                    f"write find(list, &name, {name}) or where(list, &name, {name})",
                    f"if the element has a key {path[0]}, write @.{name}",
                ),
            )
        )
    return found
