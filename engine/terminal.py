"""What people read at the keyboard: plain when piped, coloured at a terminal, NO_COLOR honoured."""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from collections.abc import Sequence
from datetime import datetime

import typer

from engine.control_characters import neutral_but_coloured

_COLOUR_CODES = re.compile(r"\x1b\[[0-9;]*m")

COLOURS = {
    "delivered": "green", "ok": "green", "skipped": "cyan", "skip": "cyan", "superseded": "cyan",
    "failed": "red", "fail": "red", "retry": "yellow", "retrying": "yellow", "waiting": "yellow", "wait": "yellow",
    "running": "blue", "paused": "magenta", "held": "magenta", "unrouted": "magenta", "refused": "magenta",
}  # fmt: skip


class ReaderGone(Exception):
    """Nobody reads standard output any more: `nsps events | head`."""


def say(text: str = "", *, error: bool = False) -> None:
    """Prints one line; colours are dropped when it is not a terminal or NO_COLOR is set (no-color.org).

    Whatever else in the text would command a terminal is shown as an escape: much of it was said by others.
    """
    try:
        typer.echo(neutral_but_coloured(text), err=error, color=False if os.environ.get("NO_COLOR") else None)
    except BrokenPipeError as gone:
        raise ReaderGone from gone


def coloured() -> bool:
    """Whether standard output is a terminal that wants colours."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def state(word: str, text: str | None = None) -> str:
    """`text` (default: the word) in the colour of a state or verdict."""
    return typer.style(text or word, fg=COLOURS.get(word))


def strong(text: str) -> str:
    return typer.style(text, bold=True)


def faint(text: str) -> str:
    return typer.style(text, dim=True)


def instant(at: datetime | None) -> str:
    """`2026-11-23 06:12:27Z`, or `-`."""
    return at.strftime("%Y-%m-%d %H:%M:%SZ") if at else "-"


def several(number: int, thing: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number} {thing}" + "s" * (number != 1)


def lasting(seconds: float) -> str:
    """A duration as people say it: `850 ms`, `12 s`, `5 min`, `3 h 20 min`, `2 d 4 h`."""
    if round(seconds * 1000) < 1000:
        return f"{seconds * 1000:.0f} ms"
    seconds = round(seconds)
    for size, unit, below, below_unit in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 0, "")):
        if seconds >= size:
            whole, rest = divmod(seconds, size)
            more = int(rest // below) if below else 0
            return f"{int(whole)} {unit}" + (f" {more} {below_unit}" if more else "")
    return f"{seconds} s"


def plain(text: str) -> str:
    """The text without its colours."""
    return _COLOUR_CODES.sub("", text)


def width(text: str) -> int:
    """How many columns of a terminal the text takes (Unicode Standard Annex 11)."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows in columns, padded by what is seen (colours do not count); the last column is not padded."""
    seen = [[plain(cell) for cell in row] for row in (head, *rows)]
    widths = [max(width(row[i]) for row in seen) for i in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        padded = [cell + " " * (widths[i] - width(plain(cell))) for i, cell in enumerate(cells)]
        return "  ".join(padded).rstrip()

    return [faint(line(head)), *(line(row) for row in rows)]
