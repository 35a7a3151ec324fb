"""Bytes of a file to text, or to the one problem that says why not."""

from __future__ import annotations

import re
from collections.abc import Callable

from engine.place import Place
from engine.problem import Problem

MAX_BYTES = 1024 * 1024

# What YAML 1.2 §5.1 does not let stand in a file, and the line ends of YAML 1.1 that editors do not show as such.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_WIDE_MARKS = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)


def decode(content: str | bytes, file: str) -> tuple[str, list[Problem]]:
    """The text with plain line ends, and what is wrong with it; an error among the problems means: do not parse it."""
    if len(content) > MAX_BYTES:
        return "", [too_large(file, len(content))]
    if isinstance(content, bytes):
        problem = _foreign(content, file)
        if problem:
            return "", [problem]
        content = content.decode("utf-8")
    problems = []
    if content.startswith("\ufeff"):
        content = content[1:]
        problems.append(_byte_order_mark(file))
    text = content.replace("\r\n", "\n").replace("\r", "\n")
    found = _FORBIDDEN.search(text)
    if found:
        problems.append(_forbidden(found, text, file))
    return text, problems


def too_large(file: str, size_bytes: int) -> Problem:
    """The problem of a file beyond the limit; `size_bytes` as far as it was read."""
    size = f"{size_bytes / 1024 / 1024:.1f} MiB" if size_bytes > MAX_BYTES + 1 else "more than 1 MiB"
    return Problem(
        code="NSPS121",
        severity="error",
        message=f"the file is too large to be configuration: {size}, the limit is 1 MiB",
        place=Place(file, 1, 1),
        notes=("split it, or move data out of it",),
    )


def _byte_order_mark(file: str) -> Problem:
    return Problem(
        code="NSPS124",
        severity="warning",
        message="the file begins with a byte order mark, which other tools stumble over",
        place=Place(file, 1, 1),
        notes=("save it as UTF-8 without BOM",),
    )


def _foreign(content: bytes, file: str) -> Problem | None:
    """The problem of bytes that are no UTF-8."""
    for mark, encoding in _WIDE_MARKS:
        if content.startswith(mark):
            return _not_utf8(file, f"the file is {encoding}, not UTF-8", Place(file, 1, 1))
    if b"\x00" in content[:4] and content[:64].count(b"\x00") * 3 >= len(content[:64]):
        return _not_utf8(file, "the file looks like UTF-16, not UTF-8", Place(file, 1, 1))
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8")
        byte = content[error.start]
        return _not_utf8(file, f"the byte 0x{byte:02X} here is not UTF-8", _place_behind(before, file))
    return None


def _not_utf8(file: str, message: str, place: Place) -> Problem:
    notes = ("save the file as UTF-8 (in most editors: Save with encoding)",)
    return Problem(code="NSPS122", severity="error", message=message, place=place, notes=notes)


def _forbidden(found: re.Match[str], text: str, file: str) -> Problem:
    char = found.group()
    name = "a NUL byte" if char == "\x00" else f"the control character U+{ord(char):04X}"
    escape: Callable[[int], str] = "\\x{:02x}".format if ord(char) < 256 else "\\u{:04x}".format
    return Problem(
        code="NSPS123",
        severity="error",
        message=f"{name} stands in the file",
        place=_place_behind(text[: found.start()], file),
        notes=(f'delete it; where it is meant, write "{escape(ord(char))}" in double quotes',),
    )


def _place_behind(before: str, file: str) -> Place:
    lines = before.replace("\r\n", "\n").replace("\r", "\n")
    return Place(file, lines.count("\n") + 1, len(lines) - lines.rfind("\n"))
