"""What the loop and TLS raise -> our words for a person."""

from __future__ import annotations

import os
import socket
import ssl

_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"})
# OpenSSL's X509_V_ERR_…: no issuer found, or one that nobody vouches for
_ISSUER_UNKNOWN = frozenset({18, 19, 20, 21})
_NAME_DIFFERS = frozenset({62, 63, 64})  # host, e-mail, IP address
# Alerts (RFC 8446 §6.2) that end a handshake: with TLS 1.3 ours may be over before the server has judged our certificate.
_ALERTS = frozenset({"CERTIFICATE", "UNKNOWN_CA", "HANDSHAKE_FAILURE", "ACCESS_DENIED"})


class NotConnected(Exception):
    """Nothing was sent; the text says to whom and why."""


def why_not_connected(error: Exception, host: str, where: str) -> str:
    """Why there is no connection to `where`, whose name is `host`."""
    if isinstance(error, ConnectionRefusedError):
        return f"connection refused by {where}"
    if isinstance(error, socket.gaierror | UnicodeError):
        return f"the name {host} cannot be resolved: {_words(error)}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate of {where} not trusted: {_certificate(error, host)}"
    if isinstance(error, ssl.SSLError) and error.reason in _NO_TLS:
        return f"no connection to {where}: what it answered is not TLS; is http:// meant?"
    return f"no connection to {where}: {_words(error)}"


def _certificate(error: ssl.SSLCertVerificationError, host: str) -> str:
    if error.verify_code in _ISSUER_UNKNOWN:
        return "its issuer is unknown (name the authority's PEM file as tls.ca)"
    if error.verify_code in _NAME_DIFFERS:
        return f'it is not valid for name "{host}"'
    return error.verify_message


def why_lost(error: Exception | None, where: str) -> str:
    """Why the answer of `where` did not come, or not whole."""
    return f"connection to {where} lost after the request was sent: {_words(error)}"


def refused_in_handshake(error: Exception | None) -> bool:
    """Whether the server refused our certificate: it then reads nothing that was sent (RFC 8446 §4.4.4)."""
    reason = (error.reason or "") if isinstance(error, ssl.SSLError) else ""
    return "ALERT" in reason and any(alert in reason for alert in _ALERTS)


def _words(error: Exception | None) -> str:
    if error is None or not (text := str(error)):
        return "it was closed"
    if isinstance(error, ssl.SSLError):
        return error.reason.replace("_", " ").lower() if error.reason else text
    if isinstance(error, socket.gaierror):
        return error.strerror or text
    return os.strerror(error.errno) if isinstance(error, OSError) and error.errno else text
