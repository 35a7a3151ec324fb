"""A request body to a JSON object, or a refusal that says what is wrong with it.

Stricter than RFC 8259 where leniency would lose something: a duplicate key (one of the two would silently vanish), an
integer beyond 64 bits (it would lose digits), nesting nobody means. NaN, infinities, lone surrogates and invalid UTF-8 are
not JSON at all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import orjson

from engine.errors import EventRefused

BOM = b"\xef\xbb\xbf"
MAX_DEPTH = 64
_DIGITS_ALIKE = bytes.maketrans(b"123456789", b"000000000")
_LONG_NUMBER = b"0" * 19
_GZIP = b"\x1f\x8b"


class NotJson(EventRefused):
    """The body is no JSON at all; what is said of it beside (its coding) may tell why."""


def parse_object(body: bytes, status: int = 400) -> dict[str, Any]:
    """The JSON object `body` holds. Raises EventRefused with `status` when it holds anything else."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise NotJson(status, f"the body is not JSON: {_without_input(error, body)}") from error
    if not isinstance(value, dict):
        raise EventRefused(status, f"the body is {kind_of(value)}; a JSON object is expected")
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        raise EventRefused(status, f"the body is nested deeper than {MAX_DEPTH} levels")
    if _may_lose(body, value):
        _look_closely(body, status)
    return value


def kind_of(value: Any) -> str:
    """What a JSON value is, in words: "a list", "null"."""
    words = {dict: "an object", list: "a list", str: "text", bool: "a boolean", int: "a number", float: "a number"}
    return words.get(type(value), "null")


def _without_input(error: orjson.JSONDecodeError, body: bytes) -> str:
    if not body:
        return "it is empty"
    if body.startswith(_GZIP):
        return "it is compressed with gzip; send the body as it is"
    if not error.doc:  # orjson has no text of what is no UTF-8
        return "it is not UTF-8"
    return f"{error.msg}, line {error.lineno} column {error.colno}"


def _may_lose(body: bytes, value: dict[str, Any]) -> bool:
    """Whether parsing may have dropped something: cheap, exact where there is no escape, else "look closely".

    Without a backslash each text of the body has exactly two quotes, and so it has when written again: fewer quotes
    mean that a key was dropped.
    """
    if b"\\" in body or _LONG_NUMBER in body.translate(_DIGITS_ALIKE):
        return True
    return body.count(b'"') != orjson.dumps(value).count(b'"')


def _look_closely(body: bytes, status: int) -> None:
    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(found)
        if len(members) != len(found):
            names = [name for name, _ in found]
            twice = next(name for name in names if names.count(name) > 1)
            raise EventRefused(
                status, f"the key {twice[:100]!r} stands twice in one object: one of the two would be lost"
            )
        return members

    def integer(digits: str) -> int:
        if len(digits) > 20 or not -(2**63) <= int(digits) < 2**64:
            raise EventRefused(
                status,
                f"a number of {len(digits.lstrip('-'))} digits, {digits[:4]}…, does not fit 64 bits: send it as text",
            )
        return int(digits)

    json.loads(body, object_pairs_hook=pairs, parse_int=integer)


def _depth(value: Any) -> int:
    """How deep the value is nested; stops counting just above the limit."""
    level: list[Any] = [value]
    depth = 0
    while level and depth <= MAX_DEPTH:
        depth += 1
        level = [child for parent in level for child in _children(parent)]
    return depth


def _children(value: Any) -> Iterator[Any]:
    inside = value.values() if isinstance(value, dict) else value
    return (child for child in inside if isinstance(child, (dict, list)))
