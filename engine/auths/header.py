"""header: a key in a header of the system's own."""

from __future__ import annotations

from engine.auth import HeaderAuth
from engine.auths.laying import laid_over
from engine.request import HttpRequest


def apply(auth: HeaderAuth, request: HttpRequest) -> HttpRequest:
    """The request with the header."""
    return laid_over(request, [(auth.name, auth.value)])
