"""Template text to a checked Jinja2 tree: what templates may not do is refused here, when the file is loaded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches

from jinja2 import TemplateSyntaxError, nodes
from jinja2.meta import find_undeclared_variables
from jinja2.visitor import NodeTransformer

from engine.expressions.filters import CONCATENATED, EACH, NAMED_FILTERS, TESTS
from engine.expressions.functions import FUNCTIONS, refuses_count
from engine.expressions.invalid import TemplateInvalid
from engine.expressions.sandbox import Environment

MAX_CHARACTERS = 256 * 1024
MAX_DEPTH = 60

Path = tuple[str, ...]

_ALLOWED: tuple[type[nodes.Node], ...] = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.For, nodes.If, nodes.Assign, nodes.With, nodes.Name,
    nodes.Const, nodes.List, nodes.Dict, nodes.Pair, nodes.Tuple, nodes.CondExpr, nodes.Filter, nodes.Test,
    nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.Concat, nodes.Compare, nodes.Operand, nodes.Not, nodes.And,
    nodes.Or, nodes.Neg, nodes.Pos, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Pow,
    nodes.Keyword,
)  # fmt: skip
_RESERVED = frozenset(
    {"self", "super", "caller", "varargs", "kwargs", "cycler", "joiner", "namespace", "range", "lipsum"}
)
_ELSEWHERE = {
    "tojson": "write to_json", "json": "write to_json", "d": "write default", "count": "write length",
    "e": "values are escaped by themselves; leave it out", "escape": "values are escaped by themselves; leave it out",
    "safe": "values are escaped by themselves and cannot be marked safe",
    "format": "put text together with ~", "attr": "write x.key or x['key']", "b64encode": "write base64",
    "regex_replace": "write replace, or matches in an expression", "find": "find goes into an expression (map, with)",
    "where": "where goes into an expression (map, with)", "strftime": "write format_time('%Y-%m-%d')",
}  # fmt: skip
_OTHER_LANGUAGE = {
    "&&": "in a template write and",
    "||": "in a template write or, or {{ a | default(b) }}",
    "`": "in a template a number is written plainly, without backticks",
    "!": "in a template write not",
    "?": "in a template write {{ a if test else b }}",
}


def parse(text: str, environment: Environment) -> nodes.Template:
    """The tree of a template that does nothing it may not. Raises TemplateInvalid."""
    if len(text) > MAX_CHARACTERS:
        raise TemplateInvalid(f"the template has {len(text):,} characters; at most {MAX_CHARACTERS:,} are allowed")
    try:
        tree = environment.parse(text)
    except TemplateSyntaxError as error:
        raise _syntax(text, error) from error
    except RecursionError as error:
        raise TemplateInvalid("the template is nested too deeply") from error
    for node in _every(tree, 0):
        _check(text, node)
    return tree


def _syntax(text: str, error: TemplateSyntaxError) -> TemplateInvalid:
    message = str(error.message)
    at = re.search(r"unexpected char '(.+)' at (\d+)", message)
    offset = int(at[2]) if at else _hole(text, error.lineno)
    notes = tuple(note for sign, note in _OTHER_LANGUAGE.items() if _in_holes(text, sign))[:2]
    if "unexpected '}'" in message or "end of" in message:
        notes = ("what begins with {{ : end it with }}", *notes)
    return TemplateInvalid(f"not a Jinja2 template: {message}", offset, 1, notes)


def _in_holes(text: str, sign: str) -> bool:
    return any(sign in hole for hole in re.findall(r"\{[{%](.*?)(?:[}%]\}|$)", text, re.DOTALL))


def _hole(text: str, line: int | None) -> int:
    start = _line_start(text, line)
    found = re.compile(r"\{[{%#]").search(text, start)
    return found.start() if found else start


def _line_start(text: str, line: int | None) -> int:
    return sum(len(each) + 1 for each in text.split("\n")[: (line or 1) - 1])


def _invalid(text: str, node: nodes.Node, needle: str, message: str, *notes: str) -> TemplateInvalid:
    found = re.compile(needle).search(text, _line_start(text, node.lineno))
    if found is None:
        return TemplateInvalid(message, _hole(text, node.lineno), 2, notes)
    group = 1 if found.re.groups else 0
    return TemplateInvalid(message, found.start(group), found.end(group) - found.start(group), notes)


def _every(node: nodes.Node, depth: int) -> Iterator[nodes.Node]:
    if depth > MAX_DEPTH:
        raise TemplateInvalid(f"the template is nested or chained more than {MAX_DEPTH} deep")
    yield node
    for child in node.iter_child_nodes():
        yield from _every(child, depth + 1)


def _check(text: str, node: nodes.Node) -> None:
    if isinstance(node, nodes.Call):
        note = "a function is a filter here: {{ args.name | upper }}, {{ args.text | replace('a', 'b') }}"
        raise _invalid(text, node, r"[\w.\]]+\s*\(", "nothing can be called in a template", note)
    if not isinstance(node, _ALLOWED) or (isinstance(node, nodes.For) and node.recursive):
        what = type(node).__name__.lower()
        note = "templates have {{ }}, {% if %}, {% for %}, {% set %} and {% with %}"
        raise _invalid(text, node, r"\{%", f"{what} cannot stand in a template", note)
    if isinstance(node, nodes.Name):
        _check_name(text, node, node.name)
    elif isinstance(node, nodes.Getattr) and "__" in node.attr:
        raise _invalid(text, node, re.escape(node.attr), f"{node.attr} cannot be read in a template")
    elif isinstance(node, nodes.Filter):
        _check_filter(text, node)
    elif isinstance(node, nodes.Test) and node.name not in TESTS:
        raise _invalid(
            text, node, rf"\bis\s+(?:not\s+)?({re.escape(node.name)})", f"there is no test {node.name}", _tests()
        )


def _tests() -> str:
    return f"the tests are: {', '.join(sorted(name for name in TESTS if name.isidentifier()))}"


def _check_name(text: str, node: nodes.Name, name: str) -> None:
    if "__" in name or name in _RESERVED:
        raise _invalid(text, node, rf"\b{re.escape(name)}\b", f"{name} cannot be used in a template")


def _check_filter(text: str, node: nodes.Filter) -> None:
    name = node.name
    if name not in NAMED_FILTERS:
        close = get_close_matches(name, NAMED_FILTERS, n=1)
        note = _ELSEWHERE.get(name) or (
            f"did you mean {close[0]}?" if close else f"the filters are: {', '.join(NAMED_FILTERS)}"
        )
        raise _invalid(text, node, rf"\|\s*({re.escape(name)})\b", f"there is no filter {name}", note)
    function = FUNCTIONS.get(name)
    if function is None or not function.filter_:
        return
    if node.kwargs or node.dyn_args or node.dyn_kwargs or not function.takes_count(len(node.args) + 1):
        message = refuses_count(name, function, len(node.args) + 1)
        raise _invalid(
            text, node, rf"\|\s*({re.escape(name)})\b", message, "what stands before | is the first argument"
        )


def reads_of(tree: nodes.Template) -> frozenset[Path]:
    """The static paths from the root; loop variables and what `set` names are not of it."""
    roots = find_undeclared_variables(tree) - {"omit"}
    found: set[Path] = set()
    _collect(tree, roots, found)
    return frozenset(found)


def _collect(node: nodes.Node, roots: set[str], found: set[Path]) -> None:
    path = path_of(node)
    if path is None:
        for child in node.iter_child_nodes():
            _collect(child, roots, found)
    elif path[0] in roots:
        found.add(path)


def path_of(node: nodes.Node) -> Path | None:
    """`a.b['c']` as a path; None for all else."""
    if isinstance(node, nodes.Name):
        return (node.name,) if node.ctx == "load" else None
    if isinstance(node, nodes.Getattr):
        head, last = path_of(node.node), node.attr
    elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
        head, last = path_of(node.node), node.arg.value
    else:
        return None
    return None if head is None else (*head, last)


class Bounded(NodeTransformer):
    """Puts what a `for` goes through, and what `~` puts together, through our counting filters."""

    def visit_For(self, node: nodes.For) -> nodes.Node:
        self.generic_visit(node)
        node.iter = nodes.Filter(node.iter, EACH, [], [], None, None, lineno=node.lineno)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        self.generic_visit(node)
        parts = nodes.List(node.nodes, lineno=node.lineno)
        return nodes.Filter(parts, CONCATENATED, [], [], None, None, lineno=node.lineno)
