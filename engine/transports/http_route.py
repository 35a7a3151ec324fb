"""A base URL -> the server it names, and what all requests under it have in common."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address
from urllib.parse import unquote

from engine.auths.basic import credentials

_ORIGIN = re.compile(
    r"(https?)://(?:([^/?#]*)@)?(?:\[([0-9A-Fa-f:.]+)\]|([^\s/?#@:\[\]\\%]+))(?::([0-9]*))?(?=[/?#]|$)", re.I
)
_HOST = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Server:
    """Who is called. `authority` is its name as RFC 9110 §7.2 wants it in `Host`: without the port its scheme implies."""

    https: bool
    host: str
    port: int
    basic: str = ""  # the credentials of its URL, as Basic sends them (RFC 7617 §2)

    @property
    def where(self) -> str:
        """Host and port, for a person and for CONNECT (RFC 9110 §7.1)."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def authority(self) -> str:
        """Host, and the port if it is another than the scheme's own."""
        return self.where.removesuffix(":443" if self.https else ":80")


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """How requests under one base URL are led. `before_path`: that many characters of a URL under it name the server.

    `prefix` stands before the path of each request (RFC 9112 §3.2.2); `own` are its header lines: a request may replace each.
    """

    server: Server
    where: str
    before_path: int
    prefix: str
    own: tuple[tuple[str, str], ...]
    own_lines: str
    own_names: frozenset[str]


def server_of(url: str) -> tuple[Server, int]:
    """The server of a URL, and where its name ends. Raises ValueError."""
    match = _ORIGIN.match(url)
    if match is None:
        raise ValueError("it begins with no http:// or https:// and the name of a host")
    scheme, userinfo, address, name, port = match.groups()
    number = int(port) if port else _PORTS[scheme.lower()]
    if number > 65535:
        raise ValueError(f"{port} is no port")
    host = str(IPv6Address(address)) if address else _host(name)
    return Server(scheme.lower() == "https", host, number, _basic(userinfo)), match.end()


def _host(name: str) -> str:
    host = name.lower() if name.isascii() else name.encode("idna").decode("ascii")
    if not _HOST.fullmatch(host):
        raise ValueError(f"{name!r} is no name of a host")
    return host


def _basic(userinfo: str | None) -> str:
    if not userinfo:
        return ""
    user, _, password = userinfo.partition(":")
    return credentials(unquote(user), unquote(password))


def route_of(base_url: str, proxy: Server | None) -> Route:
    """The route of requests under a base URL. Raises ValueError when it names no server."""
    server, before_path = server_of(base_url)
    plain_proxied = proxy is not None and not server.https
    own = [
        ("host", f"Host: {server.authority}\r\n"),
        ("accept", "Accept: */*\r\n"),
        ("user-agent", "User-Agent: nsps\r\n"),
    ]
    if server.basic:
        own.append(("authorization", f"Authorization: Basic {server.basic}\r\n"))
    if plain_proxied and proxy is not None and proxy.basic:
        own.append(("proxy-authorization", f"Proxy-Authorization: Basic {proxy.basic}\r\n"))
    return Route(
        server=server,
        where=server.where,
        before_path=before_path,
        prefix=f"http://{server.authority}" if plain_proxied else "",
        own=tuple(own),
        own_lines="".join(line for _, line in own),
        own_names=frozenset(name for name, _ in own),
    )
