"""One plain value as text: keys, query and form values."""

from __future__ import annotations

from typing import Any

from engine.canonical import canonical


def scalar_text(value: Any) -> str | None:
    """Text, a number or a boolean as text (`true`, `5`; 5.0 is `5`). None for null, lists and objects."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value) if isinstance(value, (int, float)) else None


def key_text(value: Any) -> str:
    """The value as a key: a scalar as text, a list or an object as JSON with its keys in order."""
    text = scalar_text(value)
    return canonical(value).decode() if text is None else text
