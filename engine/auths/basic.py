"""basic: RFC 7617."""

from __future__ import annotations

import base64

from engine.auth import BasicAuth
from engine.auths.laying import laid_over
from engine.request import HttpRequest


def apply(auth: BasicAuth, request: HttpRequest) -> HttpRequest:
    """The request with user and password, as UTF-8."""
    return laid_over(request, [("Authorization", f"Basic {credentials(auth.user, auth.password)}")])


def credentials(user: str, password: str) -> str:
    """RFC 7617 §2: base64 of `user:password`."""
    return base64.b64encode(f"{user}:{password}".encode()).decode()
