"""query: keys in the URL."""

from __future__ import annotations

from engine.auth import QueryAuth
from engine.auths.laying import laid_over
from engine.request import HttpRequest


def apply(auth: QueryAuth, request: HttpRequest) -> HttpRequest:
    """The request with the parameters."""
    return laid_over(request, query=auth.params.items())
