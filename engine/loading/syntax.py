"""What a YAML parser stumbles over, in the words of someone who meant to write an expression."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import yaml

from engine.loading.quoting import quote
from engine.place import Place
from engine.problem import Problem

_VALUE = re.compile(
    r"""(?P<head>\s*(?:-\s+)*(?:(?P<key>[^\s'"\[{#:,-][^:#\[{]*|"[^"]*"|'[^']*')\s*:(?=\s)|-)\s+)(?P<value>\S.*)"""
)
_QUOTED = re.compile(r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')""")
MOST_LINES_OF_A_QUOTE = 20
_OPENERS = {"[": "]", "{": "}"}


class _Spot(NamedTuple):
    """A line and column, from 0, inside the file."""

    line: int
    column: int

    def place(self, file: str) -> Place:
        """The same, from 1."""
        return Place(file, self.line + 1, self.column + 1)


def syntax_problem(error: yaml.YAMLError, text: str, file: str) -> Problem:
    """The one message for what PyYAML or libyaml refused to read."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return _plain("this is not YAML", Place(file, 1, 1), (str(error).split("\n", 1)[0],))
    lines = text.split("\n")
    here = _inside(error.problem_mark, lines)
    began = _inside(error.context_mark or error.problem_mark, lines)
    indentation = lines[here.line][: len(lines[here.line]) - len(lines[here.line].lstrip())]
    if "\t" in indentation:
        return _tab(lines[here.line], file, here.line)
    special = re.search("anchor|alias", error.context or "")
    for spot in (began, here) if special else (here, began):
        found = unquoted(lines[spot.line], spot.line, spot.column, file)
        if found:
            return found
    return _unfinished(error, lines, (began, here), file) or _indentation(error.problem or "", lines, here, file)


def _unfinished(error: yaml.MarkedYAMLError, lines: list[str], spots: tuple[_Spot, _Spot], file: str) -> Problem | None:
    """The problem of a quote, bracket or name that something is missing behind."""
    (began, here), doing, problem = spots, error.context or "", error.problem or ""
    if "quoted scalar" in doing:
        escape = "escape" in problem
        return _quoted_scalar(lines, here if escape else began, file, escape=escape)
    if "mapping" in doing and (opened := _quote_left_open(lines, here)):
        quote_ = lines[opened.line][opened.column]
        note = f"write another {quote_} at the end of the value"
        return _plain(f"the quote {quote_} that opens here is not closed in its line", opened.place(file), (note,))
    if "flow" in doing:
        return _flow(lines, here, file)
    if "could not find expected ':'" in problem:
        return _no_colon(lines, began, file)
    if "mapping values are not allowed" in problem and here.line:
        return _no_colon(lines, _Spot(here.line - 1, 0), file)
    return None


def _quote_left_open(lines: list[str], here: _Spot) -> _Spot | None:
    """Where the nearest value above begins with a quote that is closed in another line, and text stands behind that."""
    for number in range(here.line, max(-1, here.line - MOST_LINES_OF_A_QUOTE), -1):
        found = _VALUE.match(lines[number])
        if not found or found["value"][0] not in "'\"" or _QUOTED.match(found["value"]):
            continue
        rest = "\n".join([found["value"], *lines[number + 1 : here.line + 1]])
        quoted = _QUOTED.match(rest)
        if quoted is None or _without_comment(rest[quoted.end() :].split("\n", 1)[0]).strip():
            return _Spot(number, found.start("value"))
    return None


def _no_colon(lines: list[str], spot: _Spot, file: str) -> Problem | None:
    """The problem of a line that is a field without its colon."""
    line = _without_comment(lines[spot.line])
    field = re.fullmatch(r"\s*(?:- )?([A-Za-z_][\w?-]*)(?:[ \t]+(\S.*))?", line)
    if not field or ": " in line or line.endswith(":"):
        return None
    note = f"write:  {field[1]}: {field[2] or '…'}"
    place = _Spot(spot.line, field.start(1)).place(file)
    return _plain(f"`{field[1]}` has no colon", place, (note,), len(field[1]))


def _inside(mark: Any, lines: list[str]) -> _Spot:
    """The mark, or the end of the file when it stands behind it."""
    if mark.line < len(lines):
        return _Spot(mark.line, min(mark.column, len(lines[mark.line])))
    return _Spot(len(lines) - 1, len(lines[-1]))


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
        problem = _Value(value, file, line, start, found["key"]).must_be_quoted("holds `: `")
        return replace(problem, notes=(*problem.notes, *_or_a_field(value)))
    return None


def _or_a_field(value: str) -> tuple[str, ...]:
    """A note for `limits: rate: 50/s`, where a field was meant."""
    field = re.match(r"([a-z_]+\??):\s", value)
    return (f"or, if `{field[1]}` is a field: write it in a line of its own below, two spaces deeper",) if field else ()


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


def _quoted_scalar(lines: list[str], spot: _Spot, file: str, *, escape: bool) -> Problem:
    written = lines[spot.line][spot.column : spot.column + 2]
    if escape:
        note = "in single quotes a backslash is itself:  '\\d+'"
        return _plain(f"`{written}` is no escape of double quotes", spot.place(file), (note,), 2)
    return _plain(f"the quote {written[:1]} that opens here is never closed", spot.place(file), ())


def _flow(lines: list[str], here: _Spot, file: str) -> Problem:
    opened = _unclosed(lines, here)
    if opened is None:
        return _plain("a bracket is missing or too many here", here.place(file), ())
    opener = lines[opened.line][opened.column]
    closer = _OPENERS[opener]
    if here.line != opened.line or here.column >= len(lines[here.line].rstrip()):
        return _plain(f"`{opener}` opens here and is never closed with `{closer}`", opened.place(file), ())
    note = f"inside {opener} {closer} quote a value that holds , [ ] {{ }}, or write it in block style"
    return _plain(f"a comma or `{closer}` should stand here", here.place(file), (note,), code="NSPS131")


def _unclosed(lines: list[str], here: _Spot) -> _Spot | None:
    """The innermost bracket that is open at a place."""
    text = "\n".join([*lines[: here.line], lines[here.line][: here.column]])
    text = _QUOTED.sub(lambda quoted: re.sub("[^\n]", " ", quoted[0]), text)
    open_at: list[int] = []
    for found in re.finditer(r"[\[\]{}]", text):
        if found[0] in _OPENERS:
            open_at.append(found.start())
        elif open_at:
            open_at.pop()
    if not open_at:
        return None
    return _Spot(text.count("\n", 0, open_at[-1]), open_at[-1] - text.rfind("\n", 0, open_at[-1]) - 1)


def _indentation(problem: str, lines: list[str], here: _Spot, file: str) -> Problem:
    line, above = lines[here.line], lines[here.line - 1] if here.line else ""
    for number, text in ((here.line, line), (here.line - 1, above)):
        glued = re.match(r"\s*(?:- )?([A-Za-z_?]+):(\S.*)", text)
        if glued:
            note = f"write:  {glued[1]}: {glued[2]}"
            return _plain("a space is missing behind the colon", _Spot(number, glued.end(1)).place(file), (note,))
    begin = _Spot(here.line, len(line) - len(line.lstrip())).place(file)
    length = max(1, len(line.strip()))
    if line.lstrip().startswith("- ") or "'-' indicator" in problem:
        note = "the lines of a list all begin with `- ` in one column, those of a mapping never do"
        return _plain("a list and a mapping are mixed here", begin, (note,), length)
    note = "lines of one mapping begin in one column, what belongs to a field stands deeper than its name"
    return _plain("this line does not fit what stands above it", begin, (note, f"YAML: {problem}"), length)


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
