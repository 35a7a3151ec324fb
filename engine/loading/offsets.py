"""An offset inside a scalar's value to the line and column it was written at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

_ESCAPE_DIGITS = {"x": 2, "u": 4, "U": 8}


class Position(NamedTuple):
    """Line and column in a file, both from 1."""

    line: int
    column: int


def position_of(offset: int, value: str, raw: str, start: Position, style: str) -> Position:
    """Where `value[offset]` stands, when `raw` is how the scalar was written and `start` where it begins.

    YAML changes only white space (folds, indentation) and escapes: the n-th visible character of the value is the n-th
    visible one of the text.
    """
    written = list(_visible(raw, style))
    nth = sum(1 for char in value[:offset] if not char.isspace())
    if offset < len(value) and not value[offset].isspace():
        index = written[nth] if nth < len(written) else len(raw)
    elif nth == 0:
        index = written[0] if written else 0
    else:
        blanks = len(value[:offset]) - len(value[:offset].rstrip())
        index = min(written[min(nth, len(written)) - 1] + 1 + blanks, len(raw))
    return walk(raw, index, start)


def walk(raw: str, index: int, start: Position) -> Position:
    """The position of `raw[index]` when `raw[0]` stands at `start`."""
    lines = raw.count("\n", 0, index)
    if not lines:
        return Position(start.line, start.column + index)
    return Position(start.line + lines, index - raw.rfind("\n", 0, index))


def _visible(raw: str, style: str) -> Iterator[int]:
    """The index in `raw` of each character of the value that is not white space."""
    if style == "quoted":
        yield from _double_quoted(raw) if raw.startswith('"') else _single_quoted(raw)
        return
    begin = raw.find("\n") + 1 if style == "block" else 0  # behind the header: `>-  # comment`
    yield from (index for index in range(begin, len(raw)) if not raw[index].isspace())


def _single_quoted(raw: str) -> Iterator[int]:
    index = 1
    while index < len(raw) - 1:
        if not raw[index].isspace():
            yield index
        index += 2 if raw.startswith("''", index) else 1


def _double_quoted(raw: str) -> Iterator[int]:
    index = 1
    while index < len(raw) - 1:
        if raw[index] != "\\":
            if not raw[index].isspace():
                yield index
            index += 1
            continue
        code = raw[index + 1]
        digits = _ESCAPE_DIGITS.get(code, 0)
        if not _escaped(code, raw[index + 2 : index + 2 + digits]).isspace():
            yield index
        index += 2 + digits


def _escaped(code: str, digits: str) -> str:
    """What an escape stands for, as far as it matters here: white space, or something visible."""
    if digits:
        return chr(int(digits, 16))
    return " " if code in "ntrvfN_LP \t\n" else "x"
