"""A reply in words: what an operator reads where no rule gave a reason; and how long it asks us to wait."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

from engine.connector import Operation
from engine.request import Reply
from engine.scalar import scalar_text

LONGEST_RETRY_AFTER_S = 24 * 3600.0
SAID_CHARACTERS = 200
READ_CHARACTERS = 4000

# Where systems say what is wrong: our own shape and FastAPI's (domain.md 5.2), PortaBilling's, OAuth's, RFC 9457's.
_SAYING = (
    "error",
    "message",
    "detail",
    "details",
    "error_description",
    "faultstring",
    "reason",
    "title",
    "msg",
    "errors",
)

_FAULTS = {
    "connect": "nothing was sent to {name}: it could not be reached",
    "timeout": "no answer from {name} in time{perhaps}",
    "lost": "the connection to {name} broke before it answered{perhaps}",
    "unreadable": "the answer of {name} cannot be read as {reads}",
}


def in_words(operation: Operation, reply: Reply) -> str:
    """One line: `HTTP 503 from wtl-hss.sync: try later`, `no answer from …`."""
    name = f"{operation.connector}.{operation.name}"
    if reply.error is not None:
        status = f"HTTP {reply.status}: " if isinstance(reply.status, int) else ""
        perhaps = "" if operation.read_only else "; it may have done it"
        words = _FAULTS[reply.error].format(name=name, reads=operation.reply, perhaps=perhaps)
        return f"{status}{words}" + (f": {reply.detail}" if reply.detail else "")
    status = f"HTTP {reply.status}" if isinstance(reply.status, int) else f"status {reply.status}"
    said = reply.detail or what_it_says(reply)  # the transport's word on a redirect tells more than its body
    return f"{status} from {name}" + (f": {said}" if said else "")


def what_it_says(reply: Reply) -> str:
    """The system's own words: an error or message its body holds, else its text, at most 200 characters on one line."""
    said = next(_sayings(reply.body, 3), "") or _without_tags(reply.text)
    line = " ".join(said.split())
    return line if len(line) <= SAID_CHARACTERS else line[: SAID_CHARACTERS - 1] + "…"


def _without_tags(text: str) -> str:
    """The beginning of a text without its markup. Only what looks like a tag is one: holes would hide a secret's parts."""
    beginning = text if len(text) <= READ_CHARACTERS else f"{text[: READ_CHARACTERS - 1]}…"
    return re.sub(r"</?[A-Za-z!?][^<>]*>", " ", beginning)


def _sayings(body: Any, depth: int) -> Iterator[str]:
    if isinstance(body, list) and depth and body:
        yield from _sayings(body[0], depth - 1)
    if not isinstance(body, Mapping) or not depth:
        return
    for name in _SAYING:
        found = body.get(name)
        text = None if isinstance(found, bool) else scalar_text(found)
        if text:
            yield text
        elif found:
            yield from _sayings(found, depth - 1)


def retry_after_s(reply: Reply) -> float | None:
    """Seconds the reply asks us to wait (RFC 9110 §10.2.3: seconds or an HTTP-date), at most 24 h; None when it does not."""
    seconds = reply.retry_after_s
    if seconds is None:
        seconds = _header_s(reply)
    return None if seconds is None else max(0.0, min(seconds, LONGEST_RETRY_AFTER_S))


def _header_s(reply: Reply) -> float | None:
    text = reply.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    if not text:
        return None
    try:
        instant = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    aware = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    return (aware - reply.asked_at).total_seconds()
