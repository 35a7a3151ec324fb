"""Functions on text, bounded in what they make of it."""

from __future__ import annotations

import base64 as base64_codec
import hashlib
import re
from functools import lru_cache
from typing import Any

import orjson

from engine.expressions.invalid import FunctionFailed
from engine.expressions.kinds import shown
from engine.expressions.patterns import runs_away

MAX_TEXT = 4 * 1024 * 1024
MAX_PATTERN = 1_000
MAX_SEARCHED = 64 * 1024

_NUMBER = re.compile(r"[+-]?[0-9]{1,400}(\.[0-9]+)?([eE][+-]?[0-9]{1,4})?")
_NOT_DIGITS = re.compile(r"[^0-9]+")


def bounded(characters: int, what: str) -> None:
    """Raises FunctionFailed where a text would pass 4 Mi characters."""
    if characters > MAX_TEXT:
        raise FunctionFailed(f"{what}: the text would have {characters:,} characters; at most {MAX_TEXT:,} are allowed")


def split(text: str, separator: str) -> list[str]:
    """The parts between separators; a text without one is a list of itself."""
    if not separator:
        raise FunctionFailed("split: argument 2, the separator, is empty")
    return text.split(separator)


def replace(text: str, old: str, new: str) -> str:
    """Every `old` replaced by `new`; both are plain text."""
    if not old:
        raise FunctionFailed("replace: argument 2, the text to replace, is empty")
    bounded(len(text) + text.count(old) * (len(new) - len(old)), "replace")
    return text.replace(old, new)


@lru_cache(maxsize=512)
def pattern(text: str) -> re.Pattern[str]:
    """The compiled regular expression. Raises FunctionFailed with what is wrong in it."""
    wrong = pattern_fault(text)
    if wrong:
        raise FunctionFailed(f"matches: {wrong}")
    return re.compile(text)


def pattern_fault(text: str) -> str | None:
    """What is wrong with a regular expression, None when nothing is.

    One whose time explodes on some text (`(a+)+`) is refused where it can be seen; others still can (`(a|a)*b`): keep
    patterns anchored and plain. The text they search is bounded to 64 Ki characters.
    """
    if len(text) > MAX_PATTERN:
        return f"the pattern has {len(text):,} characters; at most {MAX_PATTERN:,} are allowed"
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        return f"{shown(text)} is not a regular expression: {error}"
    if runs_away(text):
        return f"{shown(text)} repeats a repetition: on some text it would never end. Repeat once: a+ and not (a+)+"
    return None


def matches(text: str, regex: str) -> bool:
    """Whether the pattern is found anywhere in the text (anchor it with ^ and $)."""
    if len(text) > MAX_SEARCHED:
        raise FunctionFailed(
            f"matches: argument 1 has {len(text):,} characters; at most {MAX_SEARCHED:,} can be searched"
        )
    return pattern(regex).search(text) is not None


def digits(text: str) -> str:
    """Only its digits 0-9, in order."""
    return _NOT_DIGITS.sub("", text)


def join(separator: str, texts: list[str | None]) -> str:
    """The texts with the separator between them; nulls are left out."""
    kept = [text for text in texts if text is not None]
    bounded(sum(map(len, kept)) + len(separator) * len(kept), "join")
    return separator.join(kept)


def base64(text: str) -> str:
    """Base64 (RFC 4648 section 4, with padding) of the text in UTF-8."""
    return base64_codec.b64encode(_utf8(text, "base64")).decode("ascii")


def sha256(text: str) -> str:
    """SHA-256 of the text in UTF-8, 64 lower-case hex digits."""
    return hashlib.sha256(_utf8(text, "sha256")).hexdigest()


def _utf8(text: str, function: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise FunctionFailed(f"{function}: argument 1 holds half a character (a lone surrogate)") from error


def to_json(value: Any) -> str:
    """Compact JSON text."""
    try:
        return orjson.dumps(value).decode()
    except TypeError as error:
        raise FunctionFailed(f"to_json: {error}") from error


def from_json(text: str) -> Any:
    """The value that JSON text describes."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise FunctionFailed(f"from_json: argument 1 is not JSON: {error}: {shown(text)}") from error


def to_string(value: Any) -> str:
    """Text as it is, all else as compact JSON."""
    return value if isinstance(value, str) else to_json(value)


def to_number(value: Any) -> int | float | None:
    """A number, or the one its text spells; null for all else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    if not isinstance(value, str):
        return value
    text = value.strip()
    found = _NUMBER.fullmatch(text)
    if found is None:
        return None
    return float(text) if found[1] or found[2] else int(text)
