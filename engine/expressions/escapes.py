"""A value as text: how each kind reads, and what each place where text goes wants escaped or refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from jinja2 import ChainableUndefined, Undefined

from engine.expressions.functions import FUNCTIONS
from engine.expressions.invalid import FunctionFailed
from engine.expressions.kinds import kind_of, with_article
from engine.expressions.template import Escape, Omit

TextOf = Callable[[Any], str]

_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0 section 2.2
_XML = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;", "\r": "&#13;"}
_XML_SIGNS = re.compile(r"[&<>\"'\r]")


def plain(value: Any) -> str:
    """Text as it is, a number as JSON writes it, a boolean as true or false; all else is refused."""
    if value.__class__ is str:
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        return str(value)
    raise FunctionFailed(_why_no_text(value))


def _why_no_text(value: Any) -> str:
    if isinstance(value, Undefined):
        return str(getattr(value, "_undefined_message", "it is not defined"))
    if isinstance(value, Omit):
        return "omit drops a whole value; it cannot stand within other text"
    if value is None:
        return "a value is null, which text cannot hold. Write {{ … | default('') }} for no text, or {{ … | to_json }}"
    return f"a value is {with_article(kind_of(value))}. Write {{{{ … | to_json }}}}"


def _reason(value: Any) -> str:
    """As `plain`, but forgiving: a reason is read by people, and must not fail where a reply lacks something."""
    if value is None or isinstance(value, ChainableUndefined):
        return ""
    if isinstance(value, (dict, list)):
        return str(FUNCTIONS["to_json"].call(value))
    return plain(value)


def _url(value: Any) -> str:
    """One path segment, percent-encoded (RFC 3986 section 2.3: only unreserved characters stay)."""
    text = plain(value)
    if not text:
        raise FunctionFailed("a value in the path is empty, which would call another address")
    if _SURROGATE.search(text):
        raise FunctionFailed("a value in the path holds half a character (a lone surrogate)")
    return quote(text, safe="")


def _header(value: Any) -> str:
    text = plain(value)
    _refuse_control(text, "a value in a header")
    return text


def _xml(value: Any) -> str:
    text = plain(value)
    found = _NOT_XML.search(text)
    if found:
        raise FunctionFailed(f"a value holds the character U+{ord(found[0]):04X}, which XML 1.0 cannot hold")
    return _XML_SIGNS.sub(lambda sign: _XML[sign[0]], text)


def _refuse_control(text: str, what: str) -> None:
    found = _CONTROL.search(text) or _SURROGATE.search(text)
    if found:
        raise FunctionFailed(f"{what} holds the control character U+{ord(found[0]):04X}, which it cannot carry")


def _whole_url(text: str) -> None:
    """`.` and `..` as a segment would climb out of the path (RFC 3986 section 5.2.4), encoded or not."""
    for segment in re.split(r"[/\\?#]", text):
        if segment.lower().replace("%2e", ".") in (".", ".."):
            raise FunctionFailed(f"the path has the segment {segment!r}, which would climb to another address")


def _whole_header(text: str) -> None:
    _refuse_control(text, "a header")


TEXT_OF: dict[Escape, TextOf] = {"none": plain, "url": _url, "header": _header, "xml": _xml, "reason": _reason}
"""What a hole's value becomes. Raises FunctionFailed where it cannot stand there."""

WHOLE: dict[Escape, Callable[[str], None]] = {"url": _whole_url, "header": _whole_header}
"""What the finished text is checked for, where the place asks for it."""
