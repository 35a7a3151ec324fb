"""What a template's failure on an event is told as: which value, where, and what to write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2.exceptions import UndefinedError

from engine.expressions.expression import Scope
from engine.expressions.sandbox import absent
from engine.place import Place

Path = tuple[str, ...]


def explained(error: Exception, source: str, place: Place, reads: frozenset[Path], scope: Scope) -> tuple[str, Place]:
    """The reason, and the place of the template, or of the line in it where that is known."""
    reason = str(error) or type(error).__name__
    is_absent = isinstance(error, UndefinedError) or "is not defined" in reason
    named = _undefined(reads, scope) if is_absent else None
    if named:
        reason = named
    elif reason.startswith("a value is null"):
        reason = _naming_null(reason, reads, scope)
    if "is not defined" in reason and "default(" not in reason:
        reason += ". Write {{ … | default(omit) }} if it may be missing"
    return f"{reason} (in {_short(source)})", _line(error, place)


def _undefined(reads: frozenset[Path], scope: Scope) -> str | None:
    """The one path that is not there; None when several are, or none."""
    absent_ones = [told for path in sorted(reads) if (told := _absent(path, scope))]
    return absent_ones[0] if len(absent_ones) == 1 else None


def _absent(path: Path, scope: Scope) -> str | None:
    value: Any = scope
    for depth, name in enumerate(path):
        if not isinstance(value, Mapping) or name not in value:
            return absent(".".join(path[: depth + 1]), value)
        value = value[name]
    return None


def _naming_null(reason: str, reads: frozenset[Path], scope: Scope) -> str:
    nulls = [path for path in reads if _is_null(path, scope)]
    return reason.replace("a value is null", f"{'.'.join(nulls[0])} is null", 1) if len(nulls) == 1 else reason


def _is_null(path: Path, scope: Scope) -> bool:
    value: Any = scope
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            return False
        value = value[name]
    return value is None


def _line(error: Exception, place: Place) -> Place:
    line, trace = 1, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            template = trace.tb_frame.f_globals.get("__jinja_template__")
            line = template.get_corresponding_lineno(trace.tb_lineno) if template else line
        trace = trace.tb_next
    return place if line <= 1 else Place(place.file, place.line + line - 1, 1)


def _short(source: str) -> str:
    one_line = " ".join(source.split())
    return one_line if len(one_line) <= 120 else one_line[:119] + "…"
