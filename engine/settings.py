"""nsps.yaml as a value: the instance, its senders, store, queue and retries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from engine.place import NOWHERE, Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """One accepted pair. Compared in constant time."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomCredential:
    """ESPF's custom method: two words compared literally (domain.md 1.1)."""

    scheme: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EspfAuth:
    """Who may post: any of these. `header`: the header that carries the credentials."""

    basic: tuple[Credential, ...] = ()
    custom: tuple[CustomCredential, ...] = ()
    header: str = "Authorization"


@dataclass(frozen=True, slots=True, kw_only=True)
class EspfReceiver:
    """`off` says why it does not listen (a needed variable is unset), None: it does."""

    path: str = "/espf"
    auth: EspfAuth
    wrong_credentials: Literal[401, 503] = 401
    needs: tuple[str, ...] = ()
    max_body_bytes: int = 1024 * 1024
    off: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NspsAuth:
    bearer: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NspsReceiver:
    """The connector role of PortaOne's NSPS."""

    path: str = "/process-event"
    auth: NspsAuth
    answer: Literal["processed", "accepted"] = "processed"
    answer_within_s: float = 25.0
    needs: tuple[str, ...] = ()
    max_body_bytes: int = 4 * 1024 * 1024
    off: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receive:
    espf: EspfReceiver | None = None
    nsps: NspsReceiver | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPhase:
    """Delays `first_s`, times `factor` each, at most `max_s`. It ends before a delay that would bring the sum of the nominal
    ones above `for_s`, or after `attempts` attempts (in `main` the very first counts too), whichever is said."""

    first_s: float
    factor: float
    max_s: float
    for_s: float | None = None
    attempts: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """`main` None: no retries at all (`none`). `long` begins when `main` is used up."""

    name: str
    main: RetryPhase | None = None
    long: RetryPhase | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """`keep:` in nsps.yaml."""

    finished_s: float = 90 * 86400.0
    replies_s: float = 7 * 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class InFlight:
    """How many deliveries a process works on at once: in all, and of one pipeline."""

    total: int = 400
    per_pipeline: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """nsps.yaml. `config` is what pipelines see as `config.NAME`."""

    instance: str
    receive: Receive = Receive()
    store: str = "sqlite:///var/nsps.db"
    queue: str = "embedded"
    retry: str = "standard"
    retries: Mapping[str, RetryPolicy] = field(default_factory=dict)
    keep: Retention = Retention()
    in_flight: InFlight = InFlight()
    config: Mapping[str, Any] = field(default_factory=dict, repr=False)
    place: Place = NOWHERE
