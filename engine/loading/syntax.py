"""What a YAML parser stumbles over, in the words of someone who meant to write an expression."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml

from engine.loading.quoting import quote
from engine.place import Place
from engine.problem import Problem

_VALUE = re.compile(
    r"""(?P<head>\s*(?:-\s+)*(?:(?P<key>[^\s'"\[{#:][^:#]*|"[^"]*"|'[^']*')\s*:(?=\s)|-)\s+)(?P<value>\S.*)"""
)
_QUOTED = re.compile(r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')""")
_OPENERS = {"[": "]", "{": "}"}


def syntax_problem(error: yaml.YAMLError, text: str, file: str) -> Problem:
    """The one message for what PyYAML or libyaml refused to read."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return _plain("this is not YAML", Place(file, 1, 1), (str(error).split("\n", 1)[0],))
    lines = text.split("\n")
    mark, context = error.problem_mark, error.context_mark
    here = lines[mark.line] if mark.line < len(lines) else ""
    place = Place(file, mark.line + 1, mark.column + 1)
    if "\t" in here[: len(here) - len(here.lstrip())]:
        return _tab(here, file, mark.line)
    for line, column in _suspects(error, lines):
        found = unquoted(lines[line], line, column, file)
        if found:
            return found
    if context is not None and "quoted scalar" in (error.context or ""):
        return _quoted_scalar(error, lines, file)
    if context is not None and "flow" in (error.context or ""):
        return _flow(lines, context, mark, file)
    return _indentation(error, lines, place)


def expression_problem(text: str, file: str, line: int, column: int) -> Problem:
    """The message for a value at `line`, `column` (from 0) that YAML reads as something else than text."""
    whole = text.split("\n")[line]
    found = _VALUE.match(whole)
    if found and found.start("value") == column:
        return _Value(_without_comment(found["value"]), file, line, column, found["key"]).must_be_quoted()
    return _Value(_in_flow(whole, column), file, line, column).must_be_quoted()


def value_after(text: str, event: Any) -> str:
    """What somebody wrote from where an event begins to the end of the value, on one line."""
    line = text.split("\n")[event.start_mark.line]
    return _in_flow(line, event.start_mark.column)


def _suspects(error: yaml.MarkedYAMLError, lines: list[str]) -> list[tuple[int, int]]:
    """Positions whose line may hold a value that had to be quoted: where it failed, then where that began."""
    marks = [mark for mark in (error.problem_mark, error.context_mark) if mark is not None and mark.line < len(lines)]
    if "anchor" in (error.context or "") or "alias" in (error.context or ""):
        marks.reverse()
    return [(mark.line, mark.column) for mark in marks]


def unquoted(whole: str, line: int, column: int, file: str) -> Problem | None:
    """The problem of a line whose value begins with what YAML keeps for itself, or holds `: `."""
    found = _VALUE.match(whole)
    if not found:
        return None
    value, start = _without_comment(found["value"]), found.start("value")
    if _looks_unquoted(value):
        return _Value(value, file, line, start, found["key"]).must_be_quoted()
    if column < len(whole) and whole[column] in "!&*@`%" and value[0] in "[{":
        return _Value(_in_flow(whole, column), file, line, column).must_be_quoted()
    if value[0] not in "'\"[{|>" and re.search(r":(?:\s|$)", value):
        return _Value(value, file, line, start, found["key"]).must_be_quoted("holds `: `")
    return None


def _looks_unquoted(value: str) -> bool:
    """Whether a value begins with a character of YAML's own but is no YAML value."""
    first = value[0]
    if first in "!&*@`%]},":
        return True
    if value.startswith(("? ", "- ")):
        return True
    if first in "|>":
        return not re.fullmatch(r"[|>][-+0-9]*", value)
    if first in "'\"":
        quoted = _QUOTED.match(value)
        return quoted is not None and bool(value[quoted.end() :].strip()) and not value[quoted.end() :].startswith(":")
    return first in _OPENERS and _goes_on(value)


def _goes_on(value: str) -> bool:
    """Whether text follows the bracket that closes the first one: `[?x].y`."""
    depth = 0
    for index, char in enumerate(value):
        depth += (char in "[{") - (char in "]}")
        if depth == 0:
            return bool(value[index + 1 :].strip())
    return False


@dataclass(frozen=True, slots=True)
class _Value:
    """What somebody wrote for a field, or in a list: its text, place (from 0), and key."""

    text: str
    file: str
    line: int
    column: int
    key: str | None = None

    def must_be_quoted(self, why: str = "") -> Problem:
        """The message that says so, and what to write."""
        key = self.key.strip() if self.key else None
        what = f"the value of `{key}`" if key else "this value"
        written = quote(self.text)
        return Problem(
            code="NSPS131",
            severity="error",
            message=f"{what} must be quoted: it {why or f'begins with `{self.text[0]}`'}, which YAML reads as its own",
            place=Place(self.file, self.line + 1, self.column + 1),
            length=max(1, len(self.text)),
            notes=(f"write:  {key}: {written}" if key else f"write:  {written}",),
        )


def _quoted_scalar(error: yaml.MarkedYAMLError, lines: list[str], file: str) -> Problem:
    mark = error.problem_mark if "escape" in (error.problem or "") else error.context_mark
    if mark is None:
        return _plain("a quote is never closed", Place(file, 1, 1), ())
    place = Place(file, mark.line + 1, mark.column + 1)
    written = lines[mark.line][mark.column : mark.column + 2]
    if mark is error.problem_mark:
        note = "in single quotes a backslash is itself:  '\\d+'"
        return _plain(f"`{written}` is no escape of double quotes", place, (note,), 2)
    return _plain(f"the quote {written[:1]} that opens here is never closed", place, ())


def _flow(lines: list[str], context: Any, mark: Any, file: str) -> Problem:
    opener = lines[context.line][context.column : context.column + 1]
    if opener not in _OPENERS:
        opener = "{"
    closer = _OPENERS[opener]
    if mark.line != context.line:
        place = Place(file, context.line + 1, context.column + 1)
        return _plain(f"`{opener}` opens here and is never closed with `{closer}`", place, ())
    place = Place(file, mark.line + 1, mark.column + 1)
    note = f"inside {opener} {closer} quote a value that holds , [ ] {{ }}, or write it in block style"
    return _plain(f"a comma or `{closer}` should stand here", place, (note,), code="NSPS131")


def _indentation(error: yaml.MarkedYAMLError, lines: list[str], place: Place) -> Problem:
    here = lines[place.line - 1] if place.line <= len(lines) else ""
    begin = Place(place.file, place.line, len(here) - len(here.lstrip()) + 1)
    length = max(1, len(here.strip()))
    before = lines[place.line - 2].strip() if place.line > 1 else ""
    for line, text in ((place.line, here.strip()), (place.line - 1, before)):
        glued = re.match(r"([a-z_?]+):(\S.*)", text)
        if glued:
            note = f"write:  {glued[1]}: {glued[2]}"
            spot = Place(place.file, line, lines[line - 1].find(":") + 1)
            return _plain("a space is missing behind the colon", spot, (note,))
    if re.fullmatch(r"[A-Za-z_][\w?-]*", before) and "':'" in _wanted(error):
        spot = Place(place.file, place.line - 1, lines[place.line - 2].find(before) + 1)
        return _plain(f"`{before}` has no colon", spot, (f"write:  {before}: …",), len(before))
    if here.lstrip().startswith("- ") or "'-' indicator" in (error.problem or ""):
        note = "the lines of a list all begin with `- ` in one column, those of a mapping never do"
        return _plain("a list and a mapping are mixed here", begin, (note,), length)
    note = "lines of one mapping begin in one column, what belongs to a field stands deeper than its name"
    return _plain("this line does not fit what stands above it", begin, (note, f"YAML: {error.problem}"), length)


def _wanted(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or ""
    return "':'" if "mapping values are not allowed" in problem else problem


def _tab(line: str, file: str, number: int) -> Problem:
    return Problem(
        code="NSPS132",
        severity="error",
        message="a tab stands in the indentation, where YAML allows spaces only",
        place=Place(file, number + 1, line.index("\t") + 1),
        notes=("use two spaces for each level",),
    )


def _plain(message: str, place: Place, notes: tuple[str, ...], length: int = 1, code: str = "NSPS101") -> Problem:
    return Problem(code=code, severity="error", message=message, place=place, length=length, notes=notes)


def _without_comment(value: str) -> str:
    return re.split(r"\s#", value, maxsplit=1)[0].rstrip()


def _in_flow(line: str, column: int) -> str:
    """The value from `column` on: to the comma or bracket that ends it inside `[ ]` or `{ }`, else to the end."""
    rest = line[column:]
    if rest.startswith("{{") and "}}" in rest:
        return rest[: rest.index("}}") + 2]
    if line[:column].count("[") + line[:column].count("{") <= line[:column].count("]") + line[:column].count("}"):
        return _without_comment(rest)
    return re.split(r"[,\]}]", rest, maxsplit=1)[0].rstrip() or rest
