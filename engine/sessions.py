"""One connector's session: had when needed, renewed in time, by one for all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, NoReturn, Protocol

from engine.clock import Clock
from engine.cookies import Jar
from engine.errors import Wait
from engine.request import HttpRequest, Reply
from engine.verdict import Verdict

_FIRST_PAUSE_S = 30.0
_LONGEST_PAUSE_S = 600.0
HELD_S = 3600.0  # lifting the hold makes what waits due at once; this is only how often it looks by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A session as we hold it. `number` tells one from the next; `renew_at` None: only when a reply says it is over."""

    values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    cookies: Jar = field(default_factory=dict, repr=False)
    number: int = 0
    expires_at: datetime | None = None
    renew_at: datetime | None = None


NO_SESSION = Held()


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """What came of a login or refresh: a session, or why there is none. `refused`: trying again cannot help."""

    held: Held | None = None
    refused: bool = False
    reason: str = ""


class Ask(Protocol):
    """How an auth reaches its system."""

    async def operation(self, name: str, held: Held, /) -> tuple[Verdict, Jar]:
        """What an operation of the connector came to, asked with this session and no auth; and the cookies since."""

    async def request(self, request: HttpRequest, /) -> Reply:
        """The reply to one request that is no operation."""


class SessionAuth(Protocol):
    """An auth that holds a session."""

    def apply(self, request: HttpRequest, held: Held, scope: Mapping[str, Any], /) -> HttpRequest:
        """The request with the session laid over it. Raises OursFailed."""

    def expired(self, reply: Reply, scope: Mapping[str, Any], /) -> bool:
        """Whether the reply says that the session is over. `scope` is the call's: args, config."""

    async def renew(self, held: Held | None, ask: Ask, now: datetime, /) -> Renewal:
        """A new session in place of `held`."""


def lasting(held: Held, now: datetime, expires_at: datetime | None) -> Held:
    """The session with its end: renewed when under 10 % of its life, at most an hour, is left.

    An end that is past already is a clock that runs differently: it is not believed, or every call would log in.
    """
    if expires_at is None or expires_at <= now:
        return replace(held, expires_at=None, renew_at=None)
    ahead = min((expires_at - now) * 0.1, timedelta(hours=1))
    return replace(held, expires_at=expires_at, renew_at=expires_at - ahead)


Renew = Callable[[Held | None], Awaitable[Renewal]]
Refused = Callable[[str], Awaitable[None]]
"""Told the reason when a login was refused; once."""


class SessionKeeper:
    """Keeps one session. Whoever finds it missing or over renews it, once, while the others wait for that."""

    def __init__(self, name: str, clock: Clock, renew: Renew, refused: Refused) -> None:
        self._name = name
        self._tell = refused
        self._refused = ""
        self._clock = clock
        self._renew = renew
        self._held: Held | None = None
        self._lock = asyncio.Lock()
        self._failures = 0
        self._again_at: datetime | None = None
        self._why = ""
        self._unproven = 0  # sessions in a row that no reply accepted
        self._renewed_at: datetime | None = None

    async def current(self) -> Held:
        """The session to use now. Raises Wait while none can be had."""
        if (held := self._usable()) is not None:
            return held
        async with self._lock:
            return self._usable() or await self._renewed(self._held)

    def _usable(self) -> Held | None:
        held, now = self._held, self._clock.now()
        if held is None or held.renew_at is None or now < held.renew_at:
            return held
        too_early_to_try = self._again_at is not None and now < self._again_at
        return held if too_early_to_try and held.expires_at is not None and now < held.expires_at else None

    async def after(self, used: Held) -> Held | None:
        """Another session than `used`, which is over by what a reply said. Raises Wait.

        None where logging in again cannot help: the one before `used` was turned down just as fresh, moments ago.
        """
        async with self._lock:
            if self._held is not None and self._held.number != used.number:
                return self._held
            if self._turned_down_again():
                return None
            return await self._renewed(used, over=True)

    def accepted(self, used: Held, cookies: Jar) -> None:
        """A reply took the session for good; `cookies` are those after it."""
        self._unproven = 0
        if self._held is not None and self._held.number == used.number and cookies != self._held.cookies:
            self._held = replace(self._held, cookies=cookies)

    def _turned_down_again(self) -> bool:
        if self._unproven < 2 or self._renewed_at is None:
            return False
        pause_s = _pause_s(self._unproven - 1)
        return (self._clock.now() - self._renewed_at).total_seconds() < pause_s

    async def _renewed(self, held: Held | None, over: bool = False) -> Held:
        now = self._clock.now()
        if self._refused:
            raise Wait(now + timedelta(seconds=HELD_S), self._refused)
        if self._again_at is not None and now < self._again_at:
            raise Wait(self._again_at, self._why)
        if over:
            self._held = None
        renewal = await self._renew(held)
        if renewal.held is not None:
            return self._begun(replace(renewal.held, number=(held.number if held else 0) + 1))
        if renewal.refused:
            await self._give_in(renewal.reason)
        return self._not_now(renewal.reason)

    async def _give_in(self, reason: str) -> NoReturn:
        """Asking again with the same credentials would only lock them out."""
        self._held = None
        do = f"nsps resume --connector {self._name} when that is settled"
        self._refused = f"{self._name} is held, its login was refused: {reason}; {do}"
        await self._tell(reason)
        raise Wait(self._clock.now() + timedelta(seconds=HELD_S), self._refused)

    def forgive(self) -> None:
        """Somebody resumed the connector: the next call logs in."""
        self._refused, self._again_at, self._failures, self._unproven = "", None, 0, 0

    def _begun(self, held: Held) -> Held:
        self._failures, self._again_at = 0, None
        self._unproven += 1
        self._renewed_at = self._clock.now()
        self._held = held
        return held

    def _not_now(self, reason: str) -> Held:
        """The session there is, while it lasts; else the deliveries wait."""
        self._failures += 1
        now = self._clock.now()
        self._again_at = now + timedelta(seconds=_pause_s(self._failures))
        self._why = f"no session with {self._name}: {reason}; the next login is at {self._again_at:%H:%M:%S} UTC"
        held = self._held
        if held is not None and held.expires_at is not None and now < held.expires_at:
            return held
        raise Wait(self._again_at, self._why)


def _pause_s(times: int) -> float:
    return min(_FIRST_PAUSE_S * 2.0 ** (times - 1), _LONGEST_PAUSE_S)
