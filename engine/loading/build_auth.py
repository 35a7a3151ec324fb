"""The `auth` of a connector."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

from engine.auth import Apply, Auth, BasicAuth, BearerAuth, HeaderAuth, NoAuth, OAuth2Auth, QueryAuth, SessionAuth
from engine.loading.draft import CallSite, Draft, Where, members, text
from engine.loading.node import Node


def build_auth(draft: Draft, connector: str, node: Node | None) -> Auth:
    """The auth a connector declares; none when it declares none, or a kind that does not exist (the schema says so)."""
    if node is None:
        return NoAuth()
    kind = text(node.get("kind"))
    if kind == "session":
        return _session(draft, connector, node)
    build = _KINDS.get(kind)
    return build(node) if build else NoAuth()


def _basic(node: Node) -> Auth:
    return BasicAuth(user=text(node.get("user")), password=text(node.get("password")))


def _bearer(node: Node) -> Auth:
    return BearerAuth(token=text(node.get("token")))


def _header(node: Node) -> Auth:
    return HeaderAuth(name=text(node.get("name")), value=text(node.get("value")))


def _query(node: Node) -> Auth:
    return QueryAuth(params={name: text(value) for name, value in members(node.get("params")).items()})


def _oauth2(node: Node) -> Auth:
    send: Literal["basic", "body"] = "body" if text(node.get("send")) == "body" else "basic"
    return OAuth2Auth(
        token_url=text(node.get("token_url")),
        client_id=text(node.get("client_id")),
        client_secret=text(node.get("client_secret")),
        scope=text(node.get("scope")) or None,
        send=send,
    )


def _session(draft: Draft, connector: str, node: Node) -> Auth:
    for role in ("login", "refresh"):
        named = node.get(role)
        if named is not None and named.kind == "text":
            site = CallSite(
                kind=role, connector=connector, operation=named.value, node=named, where=Where("request", role)
            )
            draft.calls.append(site)
    apply = node.get("apply")
    return SessionAuth(
        login=text(node.get("login")),
        refresh=text(node.get("refresh")) or None,
        expires=draft.expression(node.get("expires"), Where("expires")),
        expired_when=draft.expression(node.get("expired_when"), Where("expired_when")),
        apply=_apply(draft, apply) if apply is not None else Apply(),
    )


def _apply(draft: Draft, node: Node) -> Apply:
    where = Where("apply")
    return Apply(
        headers=draft.templates(node.get("headers"), where, "header"),
        query=draft.tree(node.get("query"), where),
    )


_KINDS: Final[dict[str, Callable[[Node], Auth]]] = {
    "basic": _basic,
    "bearer": _bearer,
    "header": _header,
    "query": _query,
    "oauth2_client_credentials": _oauth2,
}
