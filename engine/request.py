"""What goes out and what comes back: HttpRequest, Call, Reply, and `Send`, the only way out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import field
from datetime import datetime
from typing import Any, Literal, Protocol

from engine.connector import ReplyKind
from engine.value import value

BodyKind = Literal["json", "form", "xml", "text"]
Fault = Literal["connect", "timeout", "lost", "unreadable"]
Source = Literal["wire", "cache", "script", "example"]


@value
class HttpRequest:
    """One http request, complete but for what auth and tracing lay over it.

    `path` is percent-encoded and appended to the connector's base URL with one slash between. `content` is a JSON value
    for `json`, a list of (name, text) pairs for `form`, text for `xml` and `text`. `base_url` stands in place of the
    connector's: a token endpoint elsewhere.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: BodyKind | None = None
    content: Any = None
    base_url: str | None = None

    def headed(self, headers: tuple[tuple[str, str], ...]) -> HttpRequest:
        """The request with these headers in place of its own: dataclasses.replace takes three times as long."""
        return HttpRequest(
            method=self.method,
            path=self.path,
            query=self.query,
            headers=headers,
            body=self.body,
            content=self.content,
            base_url=self.base_url,
        )


Session = Mapping[str, Any]


@value
class Call:
    """One call of one operation; nothing is left to decide but what only the exchange knows, the session.

    `render` gives the request for a session (for most operations the same whatever it is) and may raise OursFailed.
    `scope` is what `apply` sees: args, config, item, index, idempotency_key. `not_before`: a cached or shared reply must
    have been asked for at or after this instant (the later of receipt and the previous attempt's end).
    `cache_s` above zero only for enrichments; `secrets` are argument values to mask wherever they appear.
    """

    connector: str
    operation: str
    step: str  # path in the journey, such as "sync", "upsert/created", "enrich/portabilling.account_info"
    render: Callable[[Session], HttpRequest]
    scope: Mapping[str, Any] = field(default_factory=dict, repr=False)
    reads: ReplyKind = "json"
    read_only: bool = False
    idempotency_key: str = ""
    arguments_sha: str = ""
    cache_s: float = 0.0
    not_before: datetime | None = None
    trace_id: str = ""
    secrets: frozenset[str] = field(default_factory=frozenset, repr=False)


@value
class Reply:
    """What came back, the same for every transport (language.md, "A reply").

    `status` None when none came. `headers` have lower-case names. `text` is always text, `body` as `reply:` reads it,
    null when empty. `error`: `connect` nothing was sent; `timeout`, `lost` it may have been taken; `unreadable` too
    large, or not what `reply` says. `detail` says in words what the transport saw. `sent` describes the request as it
    left, auth included, for traces and tests: {method, url, path, query, headers, json|form|xml|text}. Headers that carry
    credentials are masked in it; other secrets are when it is recorded.
    """

    status: int | str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    text: str = ""
    error: Fault | None = None
    detail: str = ""
    asked_at: datetime
    took_s: float = 0.0
    source: Source = "wire"
    sent: Mapping[str, Any] | None = None
    retry_after_s: float | None = None

    def to(self, sent: Mapping[str, Any]) -> Reply:
        """The same, as the reply to what was `sent`."""
        return Reply(
            status=self.status,
            headers=self.headers,
            body=self.body,
            text=self.text,
            error=self.error,
            detail=self.detail,
            asked_at=self.asked_at,
            took_s=self.took_s,
            source=self.source,
            sent=sent,
            retry_after_s=self.retry_after_s,
        )


class Send(Protocol):
    """The only way out of the journey. A fault of the world is a Reply.

    Raises Wait (not now: limit, breaker, held connector, login refused), ClaimLost, or OursFailed (the request cannot be
    rendered with the session there is).
    """

    def __call__(self, call: Call, /) -> Awaitable[Reply]: ...
