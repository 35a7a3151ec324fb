"""What an unquoted scalar is: YAML 1.2's JSON values, and no surprise beside them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from engine.loading.node import Kind

_JSON_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_LIKE_A_NUMBER = re.compile(
    r"""[-+]?(?: 0[xX][0-9a-fA-F_]+ | 0[oO][0-7_]+ | 0[bB][01_]+
               | [0-9][0-9_]*\.?[0-9_]*(?:[eE][-+]?[0-9]+)? | \.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?
               | \.(?:inf|Inf|INF) ) | \.(?:nan|NaN|NAN)""",
    re.VERBOSE,
)
EXACT = 2**53  # beyond it, readers of JSON that use doubles change the number (RFC 8259 §6)


@dataclass(frozen=True, slots=True)
class Scalar:
    """An unquoted scalar. `loss` says what reading it as a number would do to it; empty: nothing. `instead` is how to
    write the number, where it is the same one."""

    kind: Kind
    value: Any
    loss: str = ""
    instead: str = ""


def read_plain(text: str) -> Scalar:
    """The value of an unquoted scalar.

    `true`, `false`, `null`, `~`, nothing and JSON numbers are themselves; all else (`no`, `off`, `12:30:45`,
    `2025-05-01`) is text. What other YAML readers take for a number, and what a number would not keep, has a `loss`.
    """
    match text:
        case "" | "~" | "null":
            return Scalar("null", None)
        case "true" | "false":
            return Scalar("bool", text == "true")
    if text[0] not in "-+.0123456789" or not _LIKE_A_NUMBER.fullmatch(text):
        return Scalar("text", text)
    loss = _loss(text)
    return Scalar("text", text, loss, _instead(text)) if loss else Scalar("number", _number(text))


def _number(text: str) -> int | float:
    return int(text) if _JSON_INTEGER.fullmatch(text) else float(text)


def _loss(text: str) -> str:
    """What a number made of this text would lose, empty when it keeps everything."""
    if text.startswith("+"):
        return "as a number it loses its plus"
    if re.fullmatch(r"-?0[0-9]+", text):
        return "as a number it loses its leading zeros"
    if not _JSON_NUMBER.fullmatch(text):
        return "readers of YAML disagree on what this number is"
    if _JSON_INTEGER.fullmatch(text):
        return _integer_loss(text)
    if repr(float(text)) != text:
        return f"as a number it becomes {float(text)!r}"
    return ""


def _instead(text: str) -> str:
    """The same decimal number in the form that stays as it is: 1.5 of 1.50, 1000.0 of 1e3."""
    if len(text) > 17 or _JSON_INTEGER.fullmatch(text) or not _JSON_NUMBER.fullmatch(text):
        return ""
    number = repr(float(text))
    return number if _JSON_NUMBER.fullmatch(number) else ""


def _integer_loss(text: str) -> str:
    if text == "-0":
        return "as a number it becomes 0"
    if len(text) > 17 or abs(int(text)) > EXACT:
        return "as a number it loses its last digits"
    return ""
