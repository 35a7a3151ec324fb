"""One pyreqwest client per connector: its TLS, its proxy, and nothing done behind our back."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.proxy import ProxyBuilder

from engine.connector import Connector, Tls

# Common servers drop an idle connection after 5 s or more (Node, uvicorn). We let go first, so that a request rarely
# meets a connection that is closed at that very moment, which would leave it `lost`.
_IDLE_S = 4.0
# A connection gets nine tenths of the time: what does not connect is then told apart from what does not answer.
_CONNECT_SHARE = 0.9


class ClientUnusable(Exception):
    """The connector's TLS files or proxy cannot be used; the text says which and why."""


def build_client(connector: Connector, project: Path) -> Client:
    """A client that follows no redirect, keeps no cookie, reads no proxy from the environment, repeats nothing taken.

    Raises ClientUnusable when a file cannot be read or is no PEM, or the proxy is no URL.
    """
    try:
        builder = _plain(connector.timeout_s)
        if connector.proxy:
            builder = builder.proxy(ProxyBuilder.all(connector.proxy))
        return _with_tls(builder, connector.tls, project).build()
    except OSError as error:
        raise ClientUnusable(f"tls: cannot read {error.filename}: {error.strerror}") from error
    except (ValueError, RuntimeError) as error:
        raise ClientUnusable(f"tls or proxy cannot be used: {error}") from error


def _plain(timeout_s: float) -> ClientBuilder:
    return (
        ClientBuilder()
        .no_proxy()
        .follow_redirects(False)
        .referer(False)
        .default_cookie_store(False)
        .http1_only()
        .user_agent("nsps")
        .connect_timeout(timedelta(seconds=timeout_s * _CONNECT_SHARE))
        .pool_idle_timeout(timedelta(seconds=_IDLE_S))
    )


def _with_tls(builder: ClientBuilder, tls: Tls, project: Path) -> ClientBuilder:
    if tls.ca:
        builder = builder.add_root_certificate_pem((project / tls.ca).read_bytes())
    if tls.cert:
        key = (project / tls.key).read_bytes() if tls.key else b""
        builder = builder.identity_pem(key + b"\n" + (project / tls.cert).read_bytes())
    return builder if tls.verify else builder.danger_accept_invalid_certs(True)
