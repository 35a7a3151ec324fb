"""Text to the YAML that means it."""

from __future__ import annotations


def quote(text: str) -> str:
    """The text in quotes: double ones, or single ones where it holds double quotes or backslashes."""
    if '"' in text or "\\" in text:
        return "'" + text.replace("'", "''") + "'"
    return f'"{text}"'
