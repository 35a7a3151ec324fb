"""What a connector says about TLS -> the context its connections are made with."""

from __future__ import annotations

import ssl
from functools import lru_cache
from pathlib import Path

from engine.connector import Tls
from engine.transports.http_faults import NotConnected

_DEFAULT = Tls()


def context_of(tls: Tls, project: Path) -> ssl.SSLContext:
    """Trusts the machine's roots and `tls.ca`. Raises NotConnected, which names the file that cannot be used."""
    return _of_the_machine() if tls == _DEFAULT else _context(tls, project)


@lru_cache(maxsize=1)  # reading the machine's roots takes some 50 ms
def _of_the_machine() -> ssl.SSLContext:
    return _context(_DEFAULT, Path())


def _context(tls: Tls, project: Path) -> ssl.SSLContext:
    # Not create_default_context: later versions of Python make it stricter than the authorities of many a company.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["http/1.1"])
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # what tls.ca names is trusted, whoever signed it
        context.load_default_certs()
    if tls.ca:
        _trust(context, tls.ca, project)
    if tls.cert:
        _identify(context, tls.cert, tls.key, project)
    return context


def _trust(context: ssl.SSLContext, ca: str, project: Path) -> None:
    path = _readable(project, ca)
    try:
        context.load_verify_locations(cafile=path)
    except (ssl.SSLError, OSError) as error:
        raise NotConnected(f"tls: {path} holds no certificate in PEM form") from error


def _identify(context: ssl.SSLContext, cert: str, key: str | None, project: Path) -> None:
    path, key_path = _readable(project, cert), _readable(project, key) if key else None
    try:
        context.load_cert_chain(path, key_path, password=lambda: "")  # else OpenSSL would ask at the terminal
    except (ssl.SSLError, OSError) as error:
        files = f"{path} and {key_path} hold" if key_path else f"{path} holds"
        why = getattr(error, "reason", None) or "not in PEM form, or encrypted"
        raise NotConnected(f"tls: {files} no certificate with its key: {why.replace('_', ' ').lower()}") from error


def _readable(project: Path, name: str) -> Path:
    path = project / name
    try:
        path.read_bytes()  # OpenSSL would not say which file is missing
    except OSError as error:
        raise NotConnected(f"tls: cannot read {path}: {error.strerror}") from error
    return path
