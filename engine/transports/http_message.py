"""An HttpRequest as it goes onto the wire: URL, body bytes, and its description for traces and tests."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import orjson

from engine.errors import OursFailed
from engine.request import HttpRequest

CONTENT_TYPES: Mapping[str, str] = {
    "json": "application/json",
    "form": "application/x-www-form-urlencoded",
    "xml": "text/xml; charset=utf-8",  # SOAP 1.1 §6.1.1
    "text": "text/plain; charset=utf-8",
}
_DOT_SEGMENT = re.compile(r"(?:^|/)(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)
_SAFE_IN_PATH = "/%:@!$&'()*+,;=-._~"  # RFC 3986 §3.3, and what is percent-encoded already
_MASKED_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})
_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9_-]{1,20} (?=[^ ]+$)")


def url_of(base_url: str, request: HttpRequest) -> str:
    """The whole URL: `base_url`, one slash, `path`, then the queries of all three.

    Raises OursFailed for a path with a `.` or `..` segment: a client would resolve it and call something else.
    """
    return _url(request.base_url or base_url, request.path, request.query)


@lru_cache(maxsize=1024)  # each is asked for twice: to describe the request, and to send it
def _url(base_url: str, own_path: str, own_query: tuple[tuple[str, str], ...]) -> str:
    base, _, base_query = base_url.partition("?")
    path, _, path_query = own_path.partition("?")
    if _DOT_SEGMENT.search(path):
        raise OursFailed(f"the path {path!r} has a segment . or .. which would lead to another place; check its values")
    whole = base.rstrip("/") + "/" + quote(path.lstrip("/"), _SAFE_IN_PATH) if path else base
    if not (base_query or path_query or own_query):
        return whole
    query = "&".join(part for part in (base_query, path_query, _query(own_query)) if part)
    return f"{whole}?{query}" if query else whole


def _query(pairs: Iterable[tuple[str, str]]) -> str:
    return urlencode(list(pairs), quote_via=quote)


def body_of(request: HttpRequest) -> bytes | None:
    """The body's bytes, None without one. Raises OursFailed for a value JSON cannot hold (NaN)."""
    match request.body:
        case None:
            return None
        case "json":
            return _json_bytes(request.content)
        case "form":
            return urlencode(request.content).encode()
        case _:
            return str(request.content).encode("utf-8", "replace")


def _json_bytes(content: Any) -> bytes:
    try:
        return orjson.dumps(content)
    except TypeError:  # an integer beyond 64 bits, a lone surrogate: the exact, slower writer
        try:
            return json.dumps(content, separators=(",", ":"), allow_nan=False).encode()
        except (TypeError, ValueError) as error:
            raise OursFailed(f"the request's json cannot be written: {error}") from error


def headers_of(request: HttpRequest) -> list[tuple[str, str]]:
    """The headers as they go out: with a content type where there is a body and the request names none."""
    headers = list(request.headers)
    if request.body is None:
        return headers
    for name, _ in headers:
        if name.lower() == "content-type":
            return headers
    headers.append(("content-type", CONTENT_TYPES[request.body]))
    return headers


def describe(base_url: str, request: HttpRequest) -> dict[str, Any]:
    """{method, url, path, query, headers, json | form | xml | text}, for traces and tests.

    Header names are lower-case; a repeated name in `query` or `form` is a list. Credentials in headers read `***`; other
    secrets are the masker's.
    """
    path, _, query = request.path.partition("?")
    asked = (*parse_qsl(query, keep_blank_values=True), *request.query) if query or request.query else ()
    described: dict[str, Any] = {
        "method": request.method,
        "url": url_of(base_url, request),
        "path": "/" + path.lstrip("/"),
        "query": _gathered(asked),
        "headers": {
            (lower := name.lower()): value if lower not in _MASKED_HEADERS else _shown(value)
            for name, value in headers_of(request)
        },
    }
    if request.body:
        described[request.body] = _gathered(request.content) if request.body == "form" else request.content
    return described


def _shown(value: str) -> str:
    """Credentials: their scheme alone."""
    scheme = _SCHEME.match(value)
    return f"{scheme[0]}***" if scheme else "***"


def _gathered(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    return found
