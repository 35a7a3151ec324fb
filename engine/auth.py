"""How a connector proves who it is: one value per auth kind."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from engine.expressions.expression import Expression
from engine.expressions.template import TextTemplate, TreeTemplate


@dataclass(frozen=True, slots=True, kw_only=True)
class NoAuth:
    kind: Literal["none"] = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class BasicAuth:
    """RFC 7617."""

    kind: Literal["basic"] = "basic"
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BearerAuth:
    """RFC 6750 §2.1."""

    kind: Literal["bearer"] = "bearer"
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderAuth:
    kind: Literal["header"] = "header"
    name: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryAuth:
    kind: Literal["query"] = "query"
    params: dict[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuth2Auth:
    """RFC 6749 §4.4."""

    kind: Literal["oauth2_client_credentials"] = "oauth2_client_credentials"
    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str | None = None
    send: Literal["basic", "body"] = "basic"


@dataclass(frozen=True, slots=True, kw_only=True)
class Apply:
    """What a session lays over every request but those of its login and refresh."""

    headers: dict[str, TextTemplate] = field(default_factory=dict)
    query: TreeTemplate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionAuth:
    """A login whose result is `session`; `login` and `refresh` name operations of the same connector."""

    kind: Literal["session"] = "session"
    login: str
    refresh: str | None = None
    expires: Expression | None = None
    expired_when: Expression | None = None
    apply: Apply = field(default_factory=Apply)


Auth = NoAuth | BasicAuth | BearerAuth | HeaderAuth | QueryAuth | OAuth2Auth | SessionAuth
