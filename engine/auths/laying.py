"""Headers and query laid over a request: they replace those of the same name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from engine.request import HttpRequest

Pairs = Iterable[tuple[str, str]]


def laid_over(request: HttpRequest, headers: Pairs = (), query: Pairs = ()) -> HttpRequest:
    """The request with these headers (their case does not matter) and query parameters."""
    over, asked = tuple(headers), tuple(query)
    named = {name.lower() for name, _ in over}
    replaced = {name for name, _ in asked}
    return replace(
        request,
        headers=(*(pair for pair in request.headers if pair[0].lower() not in named), *over),
        query=(*(pair for pair in request.query if pair[0] not in replaced), *asked),
    )
