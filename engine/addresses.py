"""Addresses of stores and queues, and what their drivers say of them: always without the passwords that may stand there."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from urllib.parse import unquote, unquote_plus

from engine.loading.suggest import nearest
from engine.masking import Masker

# Values of a query, as libpq and redis name them.
_PASSWORDS = frozenset({"password", "sslpassword", "oauth_client_secret"})
_KIND = re.compile(r"[a-z][a-z0-9+.-]{0,19}")
# Drivers end the password at one of these when it was not percent-encoded, and take the rest for a host or a port.
_DELIMITERS = re.compile(r"[@/?#:]")
_KINDS: Mapping[str, tuple[str, ...]] = {
    "store": ("postgresql", "sqlite"),
    "queue": ("embedded", "redis", "rediss", "amqp", "amqps"),
}
_TELLING = 4  # shorter pieces are found in anything


def kind_of(url: str) -> str:
    """`redis` of `redis://…`; empty where none stands, for what stands there instead may be a secret."""
    kind = url.partition(":")[0]
    return kind if _KIND.fullmatch(kind) else ""


def shown(url: str) -> str:
    """The address without credentials and without its query: `redis://***@HOST:6379/0`."""
    kind, there, rest = url.partition("://")
    if not there or kind == "sqlite":
        return url
    credentials, host, _ = _parts(rest)
    return f"{kind}://{'***@' if credentials else ''}{host}"


def meant(kind: str, kinds: Collection[str]) -> str:
    """`; did you mean redis?` where one of the kinds is near; empty where none is."""
    near = nearest(kind, kinds)
    return f"; did you mean {near}?" if near else ""


def meant_by(keys: Sequence[str | int], url: str) -> tuple[str, ...]:
    """A note on what a misspelt `store` or `queue` may have meant. It says nothing of the address but a kind there is."""
    kinds = _KINDS.get(str(keys[0]), ()) if len(keys) == 1 else ()
    near = nearest(kind_of(url), kinds) if kinds else None
    return (f"did you mean {near}{'' if near == 'embedded' else '://'}?",) if near else ()


def without_secrets(said: str, url: str) -> str:
    """What a driver says of the address, without the passwords in it or what the driver took for parts of it."""
    return Masker(_secrets(url)).text(said)


def _secrets(url: str) -> set[str]:
    rest = url.partition("://")[2]
    credentials, host, query = _parts(rest)
    user, _, password = credentials.partition(":")
    given = {password, *_of_query(query)}
    found = {form for one in given for form in (one, unquote(one), unquote_plus(one), *_pieces(one, host))}
    return found - {"", user, *_DELIMITERS.split(host)}  # who bears the same name is no secret


def _parts(rest: str) -> tuple[str, str, str]:
    """Credentials, host with path, query. An `@` or `?` in a password, which had to be encoded there, still is of it."""
    before, _, query = rest.partition("?")
    if "@" not in before and "@" in query.partition("=")[0]:
        credentials, _, rest = rest.rpartition("@")
        host, _, query = rest.partition("?")
        return credentials, host, query
    credentials, _, host = before.rpartition("@")
    return credentials, host, query


def _of_query(query: str) -> Iterator[str]:
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if name.lower() in _PASSWORDS:
            yield value


def _pieces(password: str, host: str) -> Iterator[str]:
    pieces = _DELIMITERS.split(password)
    if len(pieces) > 1:
        yield from (piece for piece in pieces if len(piece) >= _TELLING)
        if len(pieces[-1]) < _TELLING:
            yield f"{pieces[-1]}@{_DELIMITERS.split(host)[0]}"
