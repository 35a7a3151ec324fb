"""An HttpRequest -> the bytes of it: request line, headers and body in one piece, so that one write sends them."""

from __future__ import annotations

import re
from functools import lru_cache

from engine.request import HttpRequest
from engine.transports.http_message import CONTENT_TYPES, body_of
from engine.transports.http_route import Route, target_of

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 §5.6.2
_BREAKING = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # RFC 9110 §5.5: what could end a line, or be taken for its end
_FRAMING = frozenset({"content-length", "transfer-encoding"})  # ours alone: it must be true
_MEANT_TO_HAVE_A_BODY = frozenset({"POST", "PUT", "PATCH"})


def bytes_of(request: HttpRequest, url: str, route: Route) -> bytes:
    """The whole request. Text beyond ASCII in a header goes as UTF-8; a length is always ours.

    Raises ValueError for a method or header that is none, OursFailed for a body that cannot be written.
    """
    body = body_of(request)
    method = token(request.method)
    lines, named = [f"{method} {route.prefix}{target_of(url, route.before_path)} HTTP/1.1\r\n"], set()
    for name, value in request.headers:
        lower, title = _names(name)
        if lower not in _FRAMING:
            named.add(lower)
            lines.append(f"{title}: {value if value.isprintable() else _harmless(name, value)}\r\n")
    if named.isdisjoint(route.own_names):
        lines.append(route.own_lines)
    else:
        lines += [line for name, line in route.own if name not in named]
    if request.body is not None and "content-type" not in named:
        lines.append(f"Content-Type: {CONTENT_TYPES[request.body]}\r\n")
    if body is not None:
        lines.append(f"Content-Length: {len(body)}\r\n\r\n")
        return "".join(lines).encode() + body
    # RFC 9110 §8.6: some servers refuse such a method without a length (411)
    lines.append("Content-Length: 0\r\n\r\n" if method in _MEANT_TO_HAVE_A_BODY else "\r\n")
    return "".join(lines).encode()


@lru_cache(maxsize=256)
def token(text: str) -> str:
    """The text itself. Raises ValueError when it is no token."""
    if not _TOKEN.fullmatch(text):
        raise ValueError(f"{text!r} is neither a method nor the name of a header")
    return text


@lru_cache(maxsize=1024)
def _names(name: str) -> tuple[str, str]:
    """How it is compared, and how it is written: old servers look for `Content-Type` letter by letter."""
    lower = token(name).lower()
    return lower, "-".join(part.capitalize() for part in lower.split("-"))


def _harmless(name: str, value: str) -> str:
    if _BREAKING.search(value):
        raise ValueError(f"the value of the header {name} holds a control character: {value!r}")
    return value
