"""One compiled template: by Jinja2, or straight where its holes are plain paths (the same results, many times faster)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import Template, TemplateError, nodes
from jinja2.runtime import Undefined

from engine.errors import OursFailed
from engine.expressions.escapes import TEXT_OF, WHOLE, plain
from engine.expressions.expression import Scope
from engine.expressions.failures import explained
from engine.expressions.filters import BUDGET, MAX_ROUNDS, settled
from engine.expressions.invalid import FunctionFailed, TemplateInvalid
from engine.expressions.sandbox import ENVIRONMENTS, MAX_RESULT, Environment, absent
from engine.expressions.template import OMIT, Escape, Omit
from engine.expressions.template_checks import Bounded, parse, path_of, reads_of
from engine.place import Place

Value = Callable[[Scope], Any]
Text = Callable[[Scope], "str | Omit"]

_RESULT = "leaf__value"  # no template can name it: names with __ are refused
_FAILURES = (TemplateError, FunctionFailed, TypeError, ValueError, ArithmeticError, LookupError, RecursionError)


@dataclass(frozen=True, slots=True)
class Rendering:
    """A parsed and checked template, ready to become a function of the scope."""

    source: str
    place: Place
    escape: Escape
    tree: nodes.Template
    reads: frozenset[tuple[str, ...]]
    straight: bool = True

    @classmethod
    def of(cls, source: str, place: Place, escape: Escape, straight: bool = True) -> Rendering:
        """Raises TemplateInvalid. `straight` False leaves all to Jinja2: tests hold both ways against each other."""
        tree = parse(source, ENVIRONMENTS[escape])
        return cls(source, place, escape, tree, reads_of(tree), straight)

    def value(self) -> Value | None:
        """From the scope to the value of the only hole; None when the text is not exactly one hole."""
        hole = self._only_hole()
        if hole is None:
            return None
        guarded = self._guarded(self._value_of(hole))
        path = _straight_path(hole, self) if self.straight else None
        return _at_once(*path, guarded) if path is not None and len(path) == 2 else guarded

    def text(self) -> Text:
        """From the scope to the text, or OMIT when the only hole gives it."""
        hole = self._only_hole()
        if hole is not None:
            return self._guarded(self._finished(self._one(self._value_of(hole))))
        parts = self._parts()
        if parts is not None and (fixed := self._fixed(parts)) is not None:
            return fixed
        return self._guarded(self._finished(_joined(parts) if parts is not None else self._by_jinja()))

    def _fixed(self, parts: list[str | Text]) -> Text | None:
        """For text without holes: the same every time. None where it has some, or where it may not stand."""
        text = "".join(part for part in parts if isinstance(part, str))
        try:
            if len(text) > MAX_RESULT or any(not isinstance(part, str) for part in parts):
                return None
            WHOLE.get(self.escape, str)(text)
        except FunctionFailed:
            return None
        return lambda _scope: text

    def _one(self, value: Value) -> Text:
        text_of = TEXT_OF[self.escape]

        def run(scope: Scope) -> str | Omit:
            found = value(scope)
            return OMIT if found is OMIT else text_of(found)

        return run

    def _only_hole(self) -> nodes.Expr | None:
        held = [child for output in self.tree.body if isinstance(output, nodes.Output) for child in output.nodes]
        if any(not isinstance(output, nodes.Output) for output in self.tree.body):
            return None
        if len(held) == 2 and isinstance(held[1], nodes.TemplateData) and held[1].data == "\n":
            held.pop()  # the end of a YAML block
        return held[0] if len(held) == 1 and not isinstance(held[0], nodes.TemplateData) else None

    def _value_of(self, hole: nodes.Expr) -> Value:
        straight = _straight(hole, self) if self.straight else None
        return straight or self._value_by_jinja(hole)

    def _parts(self) -> list[str | Text] | None:
        """The text as constants and plain paths; None where Jinja2 is needed."""
        if not self.straight or any(not isinstance(output, nodes.Output) for output in self.tree.body):
            return None
        parts: list[str | Text] = []
        for child in [child for output in self.tree.body for child in output.iter_child_nodes()]:
            if isinstance(child, nodes.TemplateData):
                parts.append(child.data)
                continue
            value = _straight(child, self) if isinstance(child, nodes.Expr) else None
            if value is None:
                return None
            parts.append(_text_part(value, TEXT_OF[self.escape]))
        return parts

    def _value_by_jinja(self, hole: nodes.Expr) -> Value:
        assign = nodes.Assign(nodes.Name(_RESULT, "store", lineno=hole.lineno), hole, lineno=hole.lineno)
        template = self._compiled(nodes.Template([assign], lineno=1))

        def run(scope: Scope) -> Any:
            context = _context(template, scope)
            for _ in template.root_render_func(context):
                pass
            return json_value(context.vars[_RESULT], self.escape)

        return run

    def _by_jinja(self) -> Text:
        template = self._compiled(self.tree)

        def run(scope: Scope) -> str:
            pieces, length = [], 0
            for piece in template.root_render_func(_context(template, scope)):
                length += len(piece)
                if length > MAX_RESULT:
                    raise FunctionFailed("the text grows past 4 MiB")
                pieces.append(piece)
            return "".join(pieces)

        return run

    def _compiled(self, tree: nodes.Template) -> Template:
        environment = ENVIRONMENTS[self.escape]
        tree.set_environment(environment)
        try:
            code = environment.compile(Bounded().visit(tree))
        except (TemplateError, SyntaxError, RecursionError, MemoryError, OverflowError) as error:
            raise TemplateInvalid(f"not a template that can be used: {error}") from error
        return environment.template_class.from_code(environment, code, environment.globals)

    def _finished(self, run: Text) -> Text:
        check = WHOLE.get(self.escape)
        if check is None:
            return run
        checked = check

        def finished(scope: Scope) -> str | Omit:
            text = run(scope)
            if isinstance(text, str):
                checked(text)
            return text

        return finished

    def _guarded(self, run: Callable[[Scope], Any]) -> Callable[[Scope], Any]:
        def guarded(scope: Scope) -> Any:
            try:
                return run(scope)
            except _FAILURES as error:
                reason, place = explained(error, self.source, self.place, self.reads, scope)
                raise OursFailed(reason, place) from error

        return guarded


def _context(template: Template, scope: Scope) -> Any:
    parent = {**scope, "omit": OMIT, BUDGET: [MAX_ROUNDS]}
    return template.new_context(parent, shared=True)


def _straight(node: nodes.Node, rendering: Rendering) -> Value | None:
    """A plain path, or one with `default(omit)` or a constant default, as a closure; None for all else."""
    if isinstance(node, nodes.Filter) and node.name == "default" and len(node.args) == 1 and not node.kwargs:
        return _with_default(node, rendering)
    path = _straight_path(node, rendering)
    return None if path is None else _lookup(path, ENVIRONMENTS[rendering.escape])


def _straight_path(node: nodes.Node, rendering: Rendering) -> tuple[str, ...] | None:
    path = path_of(node)
    return None if path is None or path[0] not in {read[0] for read in rendering.reads} else path


def _at_once(first: str, second: str, otherwise: Value) -> Value:
    """`{{ args.imsi }}` where it is there, which is nearly always; what is not there is told by `otherwise`."""

    def run(scope: Scope) -> Any:
        try:
            return scope[first][second]
        except (KeyError, TypeError):
            return otherwise(scope)

    return run


def _with_default(node: nodes.Filter, rendering: Rendering) -> Value | None:
    path, fallback = path_of(node.node) if node.node else None, node.args[0]
    is_omit = isinstance(fallback, nodes.Name) and fallback.name == "omit"
    if path is None or path == ("omit",) or not (is_omit or isinstance(fallback, nodes.Const)):
        return None
    instead = OMIT if is_omit else fallback.value  # type: ignore[attr-defined]
    return _lookup_or(path, instead)


def _lookup_or(path: tuple[str, ...], instead: Any) -> Value:
    def run(scope: Scope) -> Any:
        value: Any = scope
        for name in path:
            if (value.__class__ is not dict and not isinstance(value, Mapping)) or name not in value:
                return instead
            value = value[name]
        return instead if value is None else value

    return run


def _lookup(path: tuple[str, ...], environment: Environment) -> Value:
    lenient = environment is ENVIRONMENTS["reason"]

    def run(scope: Scope) -> Any:
        value: Any = scope
        for depth, name in enumerate(path):
            try:
                value = value[name]
            except (KeyError, TypeError):
                if lenient:
                    return None
                raise FunctionFailed(absent(".".join(path[: depth + 1]), value)) from None
        return value

    return run


def _text_part(value: Value, text_of: Callable[[Any], str]) -> Text:
    return lambda scope: text_of(value(scope))


def _joined(parts: list[str | Text]) -> Text:
    def run(scope: Scope) -> str:
        texts = [part if isinstance(part, str) else part(scope) for part in parts]
        text = "".join(texts)  # type: ignore[arg-type]
        if len(text) > MAX_RESULT:
            raise FunctionFailed("the text grows past 4 MiB")
        return text

    return run


def json_value(value: Any, escape: Escape) -> Any:
    """What Jinja2 made as a JSON value: lazy results as lists, OMIT within dropped, undefined refused."""
    if value is None or value is OMIT or value.__class__ in (str, int, float, bool):
        return value
    if isinstance(value, Undefined):
        return settled(value)
    if isinstance(value, Mapping):
        members = {plain(key): json_value(member, escape) for key, member in value.items()}
        return {key: member for key, member in members.items() if member is not OMIT}
    elements = [json_value(element, escape) for element in settled(value)]
    return [element for element in elements if element is not OMIT]
