"""bearer: RFC 6750 §2.1."""

from __future__ import annotations

from engine.auth import BearerAuth
from engine.auths.laying import laid_over
from engine.request import HttpRequest


def apply(auth: BearerAuth, request: HttpRequest) -> HttpRequest:
    """The request with the token."""
    return laid_over(request, [("Authorization", f"Bearer {auth.token}")])
