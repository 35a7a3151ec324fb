"""Where processes share what a connector's system can bear: one asks, and is told its part until it asks again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from engine.connector import Connector
from engine.ramp import NO_LIMIT

ALIVE_S = 10.0  # how long the slots and the probe of a process stay its own without a word from it

ProbeNews = Literal["", "busy", "ok", "failed", "gone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """A connector's limits and breaker, as numbers; 0: there is none. At most `most` calls within any `window_s`."""

    most: int = 0
    window_s: float = 1.0
    slots: int = 0
    failures: int = 0
    within_s: float = 0.0
    open_s: float = 0.0
    top: float = NO_LIMIT  # calls a second at which a ramp ends


def rules_of(connector: Connector) -> Rules:
    """A rate below one a second is one call in a longer time."""
    rate, breaker = connector.limits.rate, connector.breaker
    most = max(1, int(rate)) if rate else 0
    return Rules(
        most=most,
        window_s=most / rate if rate else 1.0,
        slots=connector.limits.concurrency or 0,
        failures=breaker.failures if breaker else 0,
        within_s=breaker.within_s if breaker else 0.0,
        open_s=breaker.open_for_s if breaker else 0.0,
        top=rate or NO_LIMIT,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Back:
    """What came of the tokens of the last share: so many were used, the last one `ago_s` ago."""

    grant: str
    ramp: str
    calls: int
    used: int
    ago_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What one process asks about one connector, and what it saw since it last asked.

    `in_use` slots it holds, `need` it could use at once, `want` it would like to hold; `tokens` it would like to have. All 0:
    it leaves. `failures` are the seconds since each failed call.
    """

    connector: str
    owner: str
    rules: Rules
    in_use: int = 0
    need: int = 0
    want: int = 0
    tokens: int = 0
    back: Back | None = None
    failures: tuple[float, ...] = ()
    last: str = ""
    probe: ProbeNews = ""
    pause_s: float = 0.0
    pause_why: str = ""

    @property
    def leaves(self) -> bool:
        """Whether all is given back."""
        return not (self.want or self.in_use or self.tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What a process may do until it asks again. Seconds count from the question, None: there is no such thing.

    `tokens` may be used within `lease_s`; None: as many calls as it likes. `more_in_s`: when there may be more. `starved`:
    others wait for slots. `probe`: one call of this process may try whether the system is back. `paused_s`, `open_s`: how
    long nothing is sent; `probing_s`: since when another tries. `ramp`: calls a second of all, while they come back.
    """

    slots: int = 0
    starved: bool = False
    sharing: int = 1
    wanting: int = 1
    tokens: int | None = 0
    lease_s: float = 0.0
    more_in_s: float | None = None
    probe: bool = False
    open_s: float | None = None
    probing_s: float | None = None
    paused_s: float | None = None
    ramp: float = 0.0
    why: str = ""
    grant: str = field(default="", repr=False)
    ramp_id: str = field(default="", repr=False)


class Desk(Protocol):
    """Answers questions; each answer is one step between all processes."""

    async def ask(self, questions: Sequence[Question], /) -> list[Share]:
        """One share for each, in one round trip. Raises LimitsUnreachable."""

    async def close(self) -> None:
        """Closes its connections."""
