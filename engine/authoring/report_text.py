"""Problems for people: message, place, the line with a caret, what to write."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator

from engine.authoring.reported import Reported
from engine.problem import Problem
from engine.terminal import width

PER_FILE = 20  # more in one file are counted, not shown: most follow from the first
_WIDEST = 140
_TAB = "    "
_RED, _YELLOW, _BLUE, _BOLD, _PLAIN = "\x1b[31;1m", "\x1b[33;1m", "\x1b[34;1m", "\x1b[1m", "\x1b[0m"


def as_text(report: Reported) -> str:
    """Each problem with its excerpt, then the tally."""
    blocks: list[str] = []
    shown: Counter[str] = Counter()
    total = Counter(problem.place.file for problem in report.problems)
    for problem in report.problems:
        file = problem.place.file
        shown[file] += 1
        if shown[file] <= PER_FILE:
            blocks.append("\n".join(_block(problem, report)))
        elif shown[file] == total[file]:
            blocks.append(f"… and {total[file] - PER_FILE} more in {file}")
    first = " Fix the first of each file first." if any(count > 1 for count in total.values()) else ""
    return "\n\n".join([*blocks, f"{report.tally()}.{first}" if first else report.tally()])


def _block(problem: Problem, report: Reported) -> Iterator[str]:
    paint = _painter(report.colour)
    accent = _RED if problem.severity == "error" else _YELLOW
    gutter = max(2, len(str(problem.place.line)))
    bar = paint(_BLUE, " " * (gutter + 1) + "|")
    yield f"{paint(accent, f'{problem.severity}[{problem.code}]')} {paint(_BOLD, visible(problem.message))}"
    yield f"{paint(_BLUE, ' ' * gutter + '-->')} {problem.place}"
    lines = report.texts.get(problem.place.file, "").split("\n")
    number = problem.place.line
    if number <= len(lines) and lines[number - 1].strip():
        yield bar
        if number > 1 and lines[number - 2].strip():
            yield f"{paint(_BLUE, f'{number - 1:>{gutter}} |')} {_cut(lines[number - 2], 0)[0]}"
        line, caret = _underlined(lines[number - 1], problem)
        yield f"{paint(_BLUE, f'{number:>{gutter}} |')} {line}"
        yield f"{bar} {' ' * (len(caret) - len(caret.lstrip()))}{paint(accent, caret.lstrip())}"
    for note in (*problem.notes, f"nsps explain {problem.code}"):
        yield f"{paint(_BLUE, ' ' * (gutter + 1) + '=')} {visible(note)}"


def _underlined(line: str, problem: Problem) -> tuple[str, str]:
    """The line as it is shown, and the carets below it with the label."""
    column = min(problem.place.column - 1, len(line))
    marked = line[column : column + max(1, problem.length)]
    text, skipped = _cut(line, column)
    before = ("…" if skipped else "") + visible(line[skipped:column])
    carets = "^" * max(1, min(width(visible(marked)), max(1, width(text) - width(before))))
    return text, f"{' ' * width(before)}{carets} {visible(problem.label)}".rstrip()


def _cut(line: str, column: int) -> tuple[str, int]:
    """The part of a long line around a column, and how many characters before it are left out."""
    if len(line) <= _WIDEST:
        return visible(line), 0
    start = max(0, min(column - _WIDEST // 3, len(line) - _WIDEST))
    end = start + _WIDEST
    return ("…" if start else "") + visible(line[start:end]) + ("…" if end < len(line) else ""), start


def visible(text: str) -> str:
    """The text without what moves the cursor or hides: tabs as spaces, control and format characters as escapes."""
    return "".join(_TAB if char == "\t" else char if _harmless(char) else _escape(char) for char in text)


def _harmless(char: str) -> bool:
    return char == "\n" or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp")


def _escape(char: str) -> str:
    return f"\\x{ord(char):02x}" if ord(char) < 256 else f"\\u{ord(char):04x}"


class _painter:
    """Puts text in a colour, or leaves it as it is."""

    def __init__(self, colour: bool) -> None:
        self.colour = colour

    def __call__(self, code: str, text: str) -> str:
        return f"{code}{text}{_PLAIN}" if self.colour else text
