"""An HttpRequest -> the bytes of it: request line, headers and body in one piece, so that one write sends them."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import quote

from engine.request import HttpRequest
from engine.transports.http_message import CONTENT_TYPES, body_of
from engine.transports.http_route import Route

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 §5.6.2
_BREAKING = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # RFC 9110 §5.5: what could end a line, or be taken for its end
_FRAMING = frozenset({"content-length", "transfer-encoding"})  # ours alone: it must be true
_OURS_TOO = _FRAMING | {"host", "accept", "user-agent", "authorization", "proxy-authorization", "content-type"}
_TYPE_LINES = {kind: f"Content-Type: {text}\r\n" for kind, text in CONTENT_TYPES.items()}
_IN_TARGET = "".join(chr(code) for code in range(33, 127) if chr(code) not in '"<>')  # and %: it is encoded already
_TARGET = re.compile(r"[!#-;=?-~]*")
_MEANT_TO_HAVE_A_BODY = frozenset({"POST", "PUT", "PATCH"})


def bytes_of(request: HttpRequest, url: str, route: Route) -> bytes:
    """The whole request. Text beyond ASCII in a header goes as UTF-8; a length is always ours.

    Raises ValueError for a method or header that is none, OursFailed for a body that cannot be written.
    """
    body, kind = body_of(request), request.body
    lines, replaced = [_line(request.method, url, route)], None
    for name, value in request.headers:
        title, special = _names(name)
        if special in _FRAMING:
            continue
        if special:
            replaced = {special} if replaced is None else replaced | {special}
        lines.append(f"{title}: {value if value.isprintable() else _harmless(name, value)}\r\n")
    if replaced is None or replaced.isdisjoint(route.own_names):
        lines.append(route.own_lines)
    else:
        lines += [line for name, line in route.own if name not in replaced]
    if kind is not None and (replaced is None or "content-type" not in replaced):
        lines.append(_TYPE_LINES[kind])
    if body is not None:
        lines.append(f"Content-Length: {len(body)}\r\n\r\n")
        return "".join(lines).encode() + body
    # RFC 9110 §8.6: some servers refuse such a method without a length (411)
    lines.append("Content-Length: 0\r\n\r\n" if request.method in _MEANT_TO_HAVE_A_BODY else "\r\n")
    return "".join(lines).encode()


@lru_cache(maxsize=1024)
def _line(method: str, url: str, route: Route) -> str:
    """The request line (RFC 9112 §3). Raises ValueError."""
    target = url[route.before_path :].partition("#")[0]
    if not target.startswith("/"):
        target = "/" + target
    if not _TARGET.fullmatch(target):
        target = quote(target, _IN_TARGET)
    return f"{_token(method)} {route.prefix}{target} HTTP/1.1\r\n"


def _token(text: str) -> str:
    if not _TOKEN.fullmatch(text):
        raise ValueError(f"{text!r} is neither a method nor the name of a header")
    return text


@lru_cache(maxsize=1024)
def _names(name: str) -> tuple[str, str]:
    """How a header is written (old servers look for `Content-Type` letter by letter), and its name if we would write it, too."""
    lower = _token(name).lower()
    return "-".join(part.capitalize() for part in lower.split("-")), lower if lower in _OURS_TOO else ""


def _harmless(name: str, value: str) -> str:
    if _BREAKING.search(value):
        raise ValueError(f"the value of the header {name} holds a control character: {value!r}")
    return value
