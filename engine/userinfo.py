"""The credentials that a URL may carry: RFC 3986 §3.2.1."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit


def userinfo(url: str) -> tuple[str, str] | None:
    """User and password in a URL, decoded; None where it holds no password."""
    try:
        parts = urlsplit(url)
    except ValueError:  # no URL at all
        return None
    return (unquote(parts.username or ""), unquote(parts.password)) if parts.password else None
