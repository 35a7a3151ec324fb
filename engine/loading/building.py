"""YAML events to Nodes, refusing what is ambiguous, hostile or no plain data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import yaml

from engine.loading.node import Kind, Node, Style
from engine.loading.offsets import Position, walk
from engine.loading.quoting import quote
from engine.loading.scalars import Scalar, read_plain
from engine.loading.syntax import expression_problem, unquoted, value_after
from engine.place import Place
from engine.problem import Problem

MAX_DEPTH = 100
MAX_REPEATED = 10_000  # nodes that aliases may add to a file
MAX_PROBLEMS = 50
_READS_AS = {"number": "a number", "bool": "true or false", "null": "nothing (null)"}
_STYLES: dict[str | None, Style] = {"'": "quoted", '"': "quoted", "|": "block", ">": "block"}


class Stop(Exception):
    """The file is not read further."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.message)


class Builder:
    """Builds the Nodes of one file. `problems` gathers what does not end the reading; `Stop` carries what does."""

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        self.problems: list[Problem] = []
        self._events: Iterator[Any] = yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        self._anchors: dict[str, tuple[Node, int] | None] = {}
        self._repeated = 0
        self._built = 0

    def document(self) -> Node:
        """The root; null for a file that holds nothing. Raises Stop and yaml.YAMLError."""
        next(self._events)  # the stream begins
        event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            return Node(kind="null", value=None, place=Place(self.file, 1, 1))
        root = self._node(next(self._events), 0)
        next(self._events)  # the document ends
        event = next(self._events)
        if isinstance(event, yaml.DocumentStartEvent):
            notes = ("make it a file of its own, or delete this line and what follows",)
            raise Stop(self._problem("NSPS125", "a second document begins here; a file holds one", event, 3, notes))
        return root

    def _node(self, event: Any, depth: int, key: Place | None = None) -> Node:
        if isinstance(event, yaml.AliasEvent):
            return replace(self._alias(event), key_place=key)
        if event.tag is not None and not self._harmless_tag(event):
            raise Stop(self._tag(event))
        if depth > MAX_DEPTH:
            raise Stop(self._problem("NSPS129", f"nested more than {MAX_DEPTH} levels deep", event))
        before = self._built + self._repeated
        if event.anchor:
            self._anchors[event.anchor] = None
        node = self._unanchored(event, depth, key)
        self._built += 1
        if event.anchor:
            self._anchors[event.anchor] = (node, self._built + self._repeated - before)
        return node

    def _unanchored(self, event: Any, depth: int, key: Place | None) -> Node:
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, key)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(event, depth, key)
        return self._map(event, depth, key)

    def _alias(self, event: Any) -> Node:
        name = event.anchor
        if name not in self._anchors:
            notes = (
                f"an expression or pattern that begins with `*` goes in quotes: {quote(value_after(self.text, event))}",
            )
            raise Stop(self._problem("NSPS127", f"`*{name}` repeats an anchor that nothing sets", event, None, notes))
        anchored = self._anchors[name]
        if anchored is None:
            raise Stop(self._problem("NSPS127", f"`*{name}` contains itself", event, None, ("write the value out",)))
        node, size = anchored
        self._repeated += size
        if self._repeated > MAX_REPEATED:
            message = f"aliases such as `*{name}` make this file more than {MAX_REPEATED:,} values longer"
            raise Stop(self._problem("NSPS127", message, event, None, ("write the values out",)))
        return node

    def _list(self, event: Any, depth: int, key: Place | None) -> Node:
        items: list[Node] = []
        while not isinstance(following := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(following, depth + 1))
        length = self._span(event, following)
        return Node(kind="list", value=items, place=self._place(event), length=length, key_place=key)

    def _map(self, event: Any, depth: int, own_key: Place | None) -> Node:
        members: dict[str, Node] = {}
        while not isinstance(following := next(self._events), yaml.MappingEndEvent):
            key, key_place = self._key(following)
            value = next(self._events)
            if event.flow_style:
                self._check_pair(following, value)
            node = self._node(value, depth + 1, key_place)
            if key in members:
                self._duplicate(key, key_place, members[key].key_place)
            else:
                members[key] = node
        length = self._span(event, following)
        return Node(kind="map", value=members, place=self._place(event), length=length, key_place=own_key)

    def _key(self, event: Any) -> tuple[str, Place]:
        if not isinstance(event, yaml.ScalarEvent):
            raise Stop(self._key_is_no_text(event))
        if event.tag is not None and not self._harmless_tag(event):
            raise Stop(self._tag(event))
        if not event.implicit[0]:
            return event.value, self._place(event, 1)
        scalar = read_plain(event.value)
        if event.value == "<<":
            notes = ("write the fields out",)
            raise Stop(self._problem("NSPS128", "merge keys (`<<`) are not part of this language", event, None, notes))
        if scalar.kind != "text" or scalar.loss:
            reads = "a number" if scalar.loss else _READS_AS[scalar.kind]
            notes = (f"quote it: {quote(event.value or 'name')}",)
            self._report(self._problem("NSPS130", f"the name `{event.value}` reads as {reads}", event, None, notes))
        return event.value, self._place(event)

    def _key_is_no_text(self, event: Any) -> Problem:
        start = event.start_mark
        opener = self.text[start.index : start.index + 1]
        if opener == "{" and self.text.startswith("{{", start.index - 1):
            return expression_problem(self.text, self.file, start.line, start.column - 1)
        if opener in ("[", "{"):
            what = "a list" if opener == "[" else "a mapping"
            notes = ("inside { } quote a value that holds , [ ] { }, or write it in block style",)
            return self._problem("NSPS131", f"{what} stands where a name should", event, 1, notes)
        return self._problem("NSPS130", "a name is text, never a list, a mapping or an alias", event)

    def _check_pair(self, key: Any, value: Any) -> None:
        """Refuse what a comma cut off: `{c: f(a, b)}` would be c: "f(a" and a field "b)" without a value."""
        end = key.end_mark.index
        start, finish = value.start_mark.index, value.end_mark.index
        empty = isinstance(value, yaml.ScalarEvent) and start == finish == end
        if not empty or self.text[end : end + 20].lstrip(" ").startswith(":"):
            return
        notes = ("inside { } quote a value that holds , [ ] { }, or write it in block style",)
        message = f"`{key.value}` has no value: a comma before it ended the value there"
        line, column = key.start_mark.line, key.start_mark.column
        found = unquoted(self.text.split("\n")[line], line, column, self.file)
        raise Stop(found or self._problem("NSPS131", message, key, None, notes))

    def _scalar(self, event: Any, key: Place | None) -> Node:
        style = _STYLES.get(event.style, "plain")
        raw = self.text[event.start_mark.index : event.end_mark.index]
        raw_place = self._place(event)
        kind: Kind = "text"
        value = event.value
        if style == "plain":
            raw = raw.rstrip()
            scalar = read_plain(event.value)
            kind, value = scalar.kind, scalar.value
            if scalar.loss:
                self._report(self._ambiguous(event, scalar, len(raw)))
        place, length = self._content(raw, raw_place, style)
        return Node(
            kind=kind,
            value=value,
            place=place,
            length=length,
            key_place=key,
            style=style,
            raw=raw,
            raw_place=raw_place,
        )

    def _ambiguous(self, event: Any, scalar: Scalar, length: int) -> Problem:
        number = f"; where a number is meant, write {scalar.instead}" if scalar.instead else ""
        notes = (f"quote it: {quote(event.value)}{number}",)
        return self._problem("NSPS103", f"{event.value}: {scalar.loss}", event, length, notes)

    def _content(self, raw: str, start: Place, style: Style) -> tuple[Place, int]:
        """Where the first line of the content is, and how long."""
        if style == "block":
            begin = raw.find("\n") + 1
            begin += len(raw[begin:]) - len(raw[begin:].lstrip())
        else:
            begin = 1 if style == "quoted" else 0
        line = raw[begin:].split("\n", 1)[0]
        length = len(line) - (style == "quoted" and "\n" not in raw)
        found = walk(raw, begin, Position(start.line, start.column))
        return Place(self.file, found.line, found.column), max(1, length)

    def _harmless_tag(self, event: Any) -> bool:
        """`!` alone and a quoted text's own tag say nothing new."""
        return bool(event.tag == "!" and isinstance(event, yaml.ScalarEvent) and event.value)

    def _tag(self, event: Any) -> Problem:
        start = event.start_mark
        written = self.text[start.index :].split(None, 1)[0]
        if not written.startswith("!!") and isinstance(event, yaml.ScalarEvent):
            return expression_problem(self.text, self.file, start.line, start.column)
        notes = ("delete it; quote the value if it must be text",)
        return self._problem(
            "NSPS126", f"YAML tags such as `{written[:40]}` are refused", event, min(len(written), 40), notes
        )

    def _duplicate(self, key: str, place: Place, first: Place | None) -> None:
        line = first.line if first else place.line
        message = f"`{key}` stands here twice; it was set in line {line} already"
        notes = ("keep one of the two",)
        self._report(
            Problem(code="NSPS102", severity="error", message=message, place=place, length=len(key), notes=notes)
        )

    def _report(self, problem: Problem) -> None:
        self.problems.append(problem)
        if len(self.problems) >= MAX_PROBLEMS:
            raise Stop(self.problems.pop())

    def _problem(
        self, code: str, message: str, event: Any, length: int | None = 1, notes: tuple[str, ...] = ()
    ) -> Problem:
        """A problem at an event; `length` None: as long as the event is on its line."""
        span = self._span(event, event) if length is None else length
        return Problem(code=code, severity="error", message=message, place=self._place(event), length=span, notes=notes)

    def _place(self, event: Any, behind: int = 0) -> Place:
        return Place(self.file, event.start_mark.line + 1, event.start_mark.column + 1 + behind)

    def _span(self, first: Any, last: Any) -> int:
        """How many characters of the first line lie between two events."""
        start, end = first.start_mark.index, last.end_mark.index
        line = self.text[start : max(end, start)].split("\n", 1)[0]
        return max(1, len(line.rstrip()))
