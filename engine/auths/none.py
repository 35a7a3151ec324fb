"""none: the request as it is."""

from __future__ import annotations

from engine.auth import NoAuth
from engine.request import HttpRequest


def apply(auth: NoAuth, request: HttpRequest) -> HttpRequest:
    """The request, untouched."""
    return request
