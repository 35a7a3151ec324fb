"""What pyreqwest raises -> our fault and words for a person.

Its class names mislead: a connection that breaks after the request was written is a ConnectError too. What tells them
apart is the chain of causes; "client error (Connect)" is there only while nothing was sent. The conformance test pins it.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from pyreqwest.exceptions import (
    ClientClosedError,
    DecodeError,
    ReadTimeoutError,
    RequestError,
    RequestTimeoutError,
)

from engine.request import Fault

_CONNECTING = "client error (Connect)"
_BODY = "request or response body error"
_BODY_CUT = "error reading a body from connection"
_REFUSED_BY_PEER = "received fatal alert"  # of TLS: the handshake failed, the request was not looked at


def fault_of(error: RequestError, url: str, deadline_s: float) -> tuple[Fault, str]:
    """The fault and its detail. `connect` only where nothing can have been taken."""
    causes = [cause["message"] for cause in (error.details or {}).get("causes") or []]
    where = _where(url)
    if _CONNECTING in causes or any(_REFUSED_BY_PEER in cause for cause in causes):
        return "connect", _connecting(error, causes, where, deadline_s)
    if isinstance(error, ClientClosedError):
        return "lost", "this process was stopping while it waited for the answer"
    if isinstance(error, RequestTimeoutError):
        return "timeout", _too_late(error, where, deadline_s)
    return _broken(error, causes, where)


def _where(url: str) -> str:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"{parts.hostname}:{port}"


def _connecting(error: RequestError, causes: list[str], where: str, deadline_s: float) -> str:
    last = causes[-1]
    host = where.rpartition(":")[0]
    if isinstance(error, RequestTimeoutError):
        return f"no connection to {where} within {deadline_s * 0.9:g} s"
    if "Connection refused" in last:
        return f"connection refused by {where}"
    if "dns error" in causes:
        return f"the name {host} cannot be resolved: {last}"
    if "invalid peer certificate" in last:
        return f"certificate of {where} not trusted: {_certificate(last)}"
    return f"no connection to {where}: {last}"


def _certificate(cause: str) -> str:
    what = cause.partition("invalid peer certificate: ")[2]
    if what == "UnknownIssuer":
        return "its issuer is unknown (name the authority's PEM file as tls.ca)"
    return what


def _too_late(error: RequestTimeoutError, where: str, deadline_s: float) -> str:
    if isinstance(error, ReadTimeoutError):
        return f"the answer of {where} began but was not complete within {deadline_s:g} s"
    return f"no answer from {where} within {deadline_s:g} s"


def _broken(error: RequestError, causes: list[str], where: str) -> tuple[Fault, str]:
    last = causes[-1] if causes else error.message
    if "message head is too large" in last:
        return "unreadable", f"the headers of {where}'s answer are too large"
    if _BODY in causes and _BODY_CUT not in causes:
        return "unreadable", f"the answer of {where} cannot be unpacked: {last}"
    if isinstance(error, DecodeError) and _BODY not in causes:
        return "lost", f"what {where} answered is not HTTP: {last}"
    return "lost", f"connection to {where} lost after the request was sent: {last}"
