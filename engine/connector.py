"""One external system: how it is reached, what it can do, how its replies are judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from typing import Any, Literal

from engine.auth import Auth, NoAuth
from engine.expressions.expression import Expression
from engine.expressions.template import TextTemplate, TreeTemplate
from engine.place import NOWHERE, Place

VerdictKind = Literal["ok", "retry", "fail", "skip"]
ReplyKind = Literal["json", "xml", "text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictRule:
    """One line of `verdicts`: the first rule whose `when` holds (no `when`: always) decides."""

    when: Expression | None = None
    is_: VerdictKind
    reason: TextTemplate | None = None
    case: str | None = None
    result: Expression | None = None
    answer: int | None = None
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One argument of an operation. `schema` is its JSON Schema without `secret` and `default`."""

    name: str
    schema: Mapping[str, Any]
    required: bool
    has_default: bool = False
    default: Any = None
    secret: bool = False
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestTemplate:
    """An http request with its holes. At most one of `json`, `form`, `xml`, `text` is set."""

    method: str
    path: TextTemplate
    query: TreeTemplate | None = None
    headers: Mapping[str, TextTemplate] = field(default_factory=dict)
    json: TreeTemplate | None = None
    form: TreeTemplate | None = None
    xml: TextTemplate | None = None
    text: TextTemplate | None = None
    place: Place = NOWHERE

    @property
    def roots(self) -> frozenset[str]:
        """The first name of each path that any part reads, such as `args`, or `session`, which only the exchange knows."""
        parts = [self.path, self.query, self.json, self.form, self.xml, self.text, *self.headers.values()]
        return frozenset().union(*(part.roots for part in parts if part is not None))


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One call of an operation, in a pipeline's `dispatch` or in an operation made of steps.

    `arguments` None means: by name from `vars` (in an operation `args`); else exactly those it names.
    """

    id: str
    connector: str
    operation: str
    arguments: Mapping[str, Expression] | None = None
    when: Expression | None = None
    for_each: Expression | None = None
    optional: bool = False
    once: Expression | None = None
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing a connector can do: either a `request`, or `steps` made of other operations."""

    connector: str
    name: str
    description: str = ""
    read_only: bool = False
    args: tuple[Argument, ...] = ()
    request: RequestTemplate | None = None
    steps: tuple[Step, ...] = ()
    reply: ReplyKind = "json"
    verdicts: tuple[VerdictRule, ...] = ()  # its own, then the connector's
    result: Expression | None = None  # None: body (request), last run step's result (steps)
    example: Mapping[str, Any] | None = None  # {status?, headers?, body | text | error}
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrichment:
    """A read that becomes one block of pb_data."""

    connector: str
    name: str
    call: str
    when: Expression | None = None
    arguments: Mapping[str, Expression] | None = None
    shape: Expression | None = None  # None: the operation's result as it is
    cache_s: float = 5.0
    waits_for: frozenset[str] = frozenset()  # names of pb_data blocks its `when` or `with` reads
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`rate` is calls per second, None without limit; `concurrency` calls at once."""

    rate: float | None = None
    concurrency: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    failures: int
    within_s: float
    open_for_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A time of the week at which the system is not called, by the wall clock of its zone. `days` are those it begins on.

    `to` not after `from_`: it ends on the next day.
    """

    days: tuple[str, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    from_: time
    to: time
    zone: str = "UTC"
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Files in PEM form; paths relative to the project."""

    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    verify: bool = True

    @property
    def files(self) -> tuple[str, ...]:
        """The files it names."""
        return tuple(file for file in (self.ca, self.cert, self.key) if file)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connector:
    """One external system. `config` is what its templates and expressions see as `config.NAME`."""

    name: str
    description: str = ""
    transport: str = "http"
    base_url: str = ""
    auth: Auth = NoAuth()
    timeout_s: float = 30.0
    limits: Limits = Limits()
    breaker: Breaker | None = None
    windows: tuple[Window, ...] = ()
    headers: Mapping[str, TextTemplate] = field(default_factory=dict)
    tls: Tls = Tls()
    proxy: str | None = field(default=None, repr=False)
    max_reply_bytes: int = 4 * 1024 * 1024
    probe: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict, repr=False)
    operations: Mapping[str, Operation] = field(default_factory=dict)
    enrichments: Mapping[str, Enrichment] = field(default_factory=dict)
    identity: str = field(default="", repr=False)  # changes with its file, and with what that reads of the environment
    unset: tuple[str, ...] = ()  # names it reads that have neither value nor default: placeholders stand for them
    place: Place = NOWHERE
