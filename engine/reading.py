"""The bytes of a reply -> its text and its body, as `reply: json | xml | text` says."""

from __future__ import annotations

import codecs
import json
import re
from dataclasses import dataclass
from typing import Any, NoReturn
from xml.parsers import expat

import orjson

from engine.connector import ReplyKind

# orjson reads an integer beyond 64 bits as a float and so loses digits: such a body goes to the exact, slower reader.
_DIGITS_ALIKE = bytes.maketrans(b"123456789", b"000000000")
_LONG_NUMBER = b"0" * 19
_UNQUOTED = re.compile(rb"(?:^|[\s:,\[-])[0-9]{19}")  # an ICCID in quotes is text and keeps its digits anyhow
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([A-Za-z0-9_.:-]+)", re.IGNORECASE)
_XML_DEPTH = 200


@dataclass(frozen=True, slots=True)
class Reading:
    """What a body says. `problem` None, or in words why it is not what `reply:` promises; `text` is there either way."""

    text: str
    body: Any = None
    problem: str | None = None


def read(content: bytes, kind: ReplyKind, content_type: str = "") -> Reading:
    """The body as `kind` reads it; null when there is nothing but white space. Raises nothing."""
    text = _text(content, content_type)
    if not text or text.isspace():
        return Reading(text)
    if kind == "text":
        return Reading(text, text)
    try:
        return Reading(text, _json(content, text) if kind == "json" else _xml(content))
    except (ValueError, RecursionError, expat.ExpatError) as error:
        return Reading(text, None, _problem(kind, content_type, text, error))


def _text(content: bytes, content_type: str) -> str:
    if content.startswith(codecs.BOM_UTF8):
        return content[3:].decode("utf-8", "replace")
    declared = _CHARSET.search(content_type) if "=" in content_type else None
    try:
        return content.decode(declared[1] if declared else "utf-8", "replace")
    except LookupError:  # a charset nobody knows
        return content.decode("utf-8", "replace")


def _json(content: bytes, text: str) -> Any:
    if _LONG_NUMBER in content.translate(_DIGITS_ALIKE) and _UNQUOTED.search(content):
        return json.loads(text, parse_constant=_no_constant)
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        if "\ufffd" in text:  # bytes that are no text at all: nothing to try again
            raise
        return orjson.loads(text)  # a byte order mark, or another charset that the header named


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _problem(kind: ReplyKind, content_type: str, text: str, error: Exception) -> str:
    wanted = "JSON" if kind == "json" else "XML"
    said = content_type.partition(";")[0].strip() or "no content type"
    begins = " ".join(text[:80].split()) + ("…" if len(text) > 80 else "")
    why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
    return f'the body is not {wanted} ({said}): {why}; it begins "{begins}"'


def _xml(content: bytes) -> Any:
    """Objects by local name: {root: …}. White space around text is dropped; an empty element is null.

    A document type is refused, and with it every entity but XML's own five: no file is read, nothing expands.
    """
    tree = _Tree()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = tree.doctype
    parser.StartElementHandler = tree.start
    parser.EndElementHandler = tree.end
    parser.CharacterDataHandler = tree.characters
    parser.Parse(content, True)
    return tree.top


class _Tree:
    """Builds the value while expat walks the document."""

    def __init__(self) -> None:
        self.top: dict[str, Any] = {}
        self._open: list[tuple[dict[str, Any], list[str]]] = [(self.top, [])]

    def doctype(self, name: str, *_: object) -> NoReturn:
        raise ValueError(f"a document type ({name}) is refused: it could read files or expand without end")

    def start(self, _: str, attributes: dict[str, str]) -> None:
        if len(self._open) > _XML_DEPTH:
            raise ValueError(f"it is nested more than {_XML_DEPTH} deep")
        members: dict[str, Any] = {f"@{_local(name)}": value for name, value in attributes.items()}
        self._open.append((members, []))

    def characters(self, text: str) -> None:
        self._open[-1][1].append(text)

    def end(self, name: str) -> None:
        members, pieces = self._open.pop()
        _add(self._open[-1][0], _local(name), _element(members, "".join(pieces).strip()))


def _element(members: dict[str, Any], text: str) -> Any:
    if not members:
        return text or None
    return {**members, "#text": text} if text else members


def _add(parent: dict[str, Any], name: str, value: Any) -> None:
    if name not in parent:
        parent[name] = value
    elif isinstance(parent[name], list):
        parent[name].append(value)
    else:
        parent[name] = [parent[name], value]


def _local(name: str) -> str:
    return name.rpartition(" ")[2]
