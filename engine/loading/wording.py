"""The words of schema messages: titles, examples, what to write instead."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from engine.loading.failure import Failure
from engine.loading.node import Node
from engine.loading.quoting import quote
from engine.loading.scalars import read_plain
from engine.loading.schemas import Schema

_PLAIN = re.compile(r"[A-Za-z0-9/?][\w ./?@'()|!=$-]*")
_TRUTH = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}

JSON_TYPES = ("string", "integer", "number", "boolean", "array", "object", "null")


def a_title(part: Schema) -> str:
    """A schema's title inside a sentence, with its article."""
    return _with_article(str(part.get("title", "value")))


def has_no_such_field(part: Schema) -> str:
    """A label for a field that a thing does not have."""
    word = _word(str(part.get("title", "value")))
    return f"{word} have no such field" if re.search("[a-rt-z]s$", word) else f"{_with_article(word)} has no such field"


def _with_article(title: str) -> str:
    word = _word(title)
    return f"{'an' if word[0] in 'aeioAEHI' else 'a'} {word}"


def _word(title: str) -> str:
    """A title inside a sentence: lower case, but for abbreviations."""
    return title[0].lower() + title[1:] if title[1:2].islower() else title


def shown(node: Node) -> str:
    text = node.value if node.kind == "text" else json.dumps(node.plain(), ensure_ascii=False)
    return f"`{text if len(text) <= 60 else text[:59] + '…'}`"


def examples(failure: Failure) -> tuple[str, ...]:
    """A note with the first examples of a field; none for a secret one."""
    if not failure.examples or failure.secret:
        return ()
    return (f"for example: {', '.join(line(example) for example in failure.examples[:3])}",)


def write(name: str, part: Schema) -> tuple[str, ...]:
    """A note with a line to write for a missing field."""
    found = part.get("properties", {}).get(name, {}).get("examples", ())
    return (f"write:  {name}: {line(found[0])}",) if found else ()


def instead(node: Node, wanted: Sequence[str], failure: Failure) -> tuple[str, ...]:  # noqa: PLR0911 - a case each
    """A note with the same value as the type that is wanted."""
    pattern = failure.part.get("pattern")
    if "boolean" in wanted and node.kind == "text":
        truth = _TRUTH.get(node.value.lower(), node.value.lower())
        return (f"write:  {truth}",) if truth in ("true", "false") else ()
    if "string" in wanted and node.kind == "number" and pattern:
        found = [unit for unit in ("s", "/s", "MiB") if re.search(pattern, f"{node.value}{unit}")]
        return (f"write its unit, such as {node.value}{found[0]}",) if found else ()
    if "string" in wanted and node.kind in ("number", "bool"):
        return ("quote it",) if failure.secret else (f"quote it: {quote(node.raw)}",)
    if wanted == ("array",) and node.kind == "text":
        return (f"write a list:  [{node.value}]",)
    if wanted == ("object",) and node.kind == "text" and node.value in JSON_TYPES:
        return (f"write:  {{type: {node.value}}}",)
    if set(wanted) & {"integer", "number"} and node.kind == "text" and re.fullmatch(r"-?[0-9]+", node.value):
        return (f"write it without quotes: {node.value}",)
    return ()


def meant(value: str, pattern: str) -> tuple[str, ...]:
    """A note with what was meant by a value that does not fit a pattern: `${NAME}` for `$NAME`, a name in small letters."""
    variable = re.fullmatch(r"\$([A-Za-z_][A-Za-z0-9_]*)", value)
    better = f"${{{variable[1]}}}" if variable else as_name(value, pattern)
    return (f"write:  {better}",) if better else ()


def line(value: Any) -> str:
    """A value as one line of YAML, as it may stand behind `name: `."""
    return value if isinstance(value, str) else _flow(value)


def _flow(value: Any) -> str:
    match value:
        case dict():
            return "{" + ", ".join(f"{_flow(key)}: {_flow(child)}" for key, child in value.items()) + "}"
        case list():
            return "[" + ", ".join(_flow(child) for child in value) + "]"
        case str() if _PLAIN.fullmatch(value) and read_plain(value).kind == "text":
            return value
        case str():
            return quote(value)
    return json.dumps(value)


def belongs(name: str, titles: Sequence[str]) -> tuple[str, ...]:
    """A note for a field that is known, but not here."""
    words = [_with_article(title) for title in titles[:3]]
    return (f"`{name}` is a field of {' or '.join(words)}",) if words else ()


def as_name(name: str, pattern: str) -> str:
    """The nearest name of the language's own form that fits a pattern; empty when there is none, or others are allowed."""
    if re.search(pattern, "A"):
        return ""
    end = "?" if name.endswith("?") else ""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    better = re.sub(r"[^a-z0-9_]+", "_", words).strip("_") + end
    return better if re.search(pattern, better) else ""
