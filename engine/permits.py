"""What a connector's system can bear: rate, concurrency, a breaker, and the pauses it asks for."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from engine.breaker import Circuit
from engine.clock import Clock
from engine.connector import Connector, Limits
from engine.errors import Wait
from engine.ramp import NO_LIMIT, Line, Ramp
from engine.rate import Rate
from engine.reply_words import retry_after_s
from engine.request import Reply
from engine.value import value

LONGEST_SLEEP_S = 1.0  # longer: the delivery waits, not a slot


@value
class Permit:
    """The right to make one call. `probe`: it is the one that tries whether an open circuit may close."""

    connector: str
    probe: bool = False
    at: datetime | None = None  # when it was given
    identity: str = ""  # of the connector: another configuration of it has permits of its own


class Permits(Protocol):
    """Who may call now. Kept in memory, or shared by all processes."""

    async def take(self, connector: Connector, /) -> Permit:
        """Returns when a call may be made; sleeps up to 1 s for it. Raises Wait when it would take longer."""

    async def give(self, permit: Permit, reply: Reply | None, /) -> None:
        """Ends what `take` began; None: no call came of it."""

    async def close(self) -> None:
        """Gives back what is shared with others."""


class MemoryPermits:
    """Permits of this process alone. Each connector has its own; what one suffers no other feels."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._gates: dict[tuple[str, str], _Gate] = {}

    def begin(self, connector: Connector, under_way: int, pause: Pause | None) -> None:
        """Goes on where others left off: so many more calls are under way, which `give` ends; nothing is sent in `pause`."""
        self._gate(connector).go_on(under_way, pause)

    def resize(self, connector: Connector) -> None:
        """Its limits are others than before; all else stays."""
        self._gate(connector).resize(connector.limits)

    def _gate(self, connector: Connector) -> _Gate:
        key = (connector.name, connector.identity)
        gate = self._gates.get(key)
        if gate is None:
            gate = self._gates[key] = _Gate(connector, self._clock)
        return gate

    async def take(self, connector: Connector, /) -> Permit:
        """See Permits."""
        gate = self._gate(connector)
        if gate.stands_open:
            return gate.plain
        probe = await gate.enter()
        at = self._clock.now() if connector.limits.concurrency else None
        return Permit(connector=connector.name, probe=probe, at=at, identity=connector.identity)

    async def give(self, permit: Permit, reply: Reply | None, /) -> None:
        """See Permits."""
        self._gates[permit.connector, permit.identity].leave(permit, reply)

    async def close(self) -> None:
        """See Permits."""


class _Gate:
    """The permits of one connector."""

    def __init__(self, connector: Connector, clock: Clock) -> None:
        self._name = connector.name
        self._clock = clock
        self.plain = Permit(connector=connector.name, identity=connector.identity)
        self._slots = connector.limits.concurrency
        self._most = connector.limits.concurrency or 0
        self._lasting_s = LONGEST_SLEEP_S  # of one call, on average
        self._queue: deque[asyncio.Future[None]] = deque()
        self._rate = Rate(connector.limits.rate) if connector.limits.rate else None
        self._circuit = Circuit(connector.name, connector.breaker) if connector.breaker else None
        self._top = connector.limits.rate or NO_LIMIT
        self._line = Line(self._top)
        self._ramp: Ramp | None = None
        self._pause: Pause | None = None

    def go_on(self, under_way: int, pause: Pause | None) -> None:
        self._pause = pause or self._pause
        if self._slots is not None:
            self._slots -= under_way

    def resize(self, limits: Limits) -> None:
        self._top = limits.rate or NO_LIMIT
        self._line = Line(self._top)
        if self._rate is not None and limits.rate:
            self._rate.change(limits.rate)
        if self._slots is not None and limits.concurrency:
            more, self._most = limits.concurrency - self._most, limits.concurrency
            self._slots += more
            while self._slots > 0 and self._queue:
                self._slots -= 1
                self._queue.popleft().set_result(None)

    @property
    def stands_open(self) -> bool:
        """Whether there is nothing to wait for, nor to count: a connector without limits that asked for no pause."""
        return (
            self._rate is None
            and self._slots is None
            and self._circuit is None
            and self._pause is None
            and self._ramp is None
        )

    async def enter(self) -> bool:
        """Whether the call is the probe of a circuit that was open."""
        await self._paused()
        probe = await self._closed_circuit()
        try:
            await self._pace()
            await self._slot()
        except BaseException:
            if probe and self._circuit:
                self._circuit.abandoned()
            raise
        return probe

    async def _until(self, instant: datetime, reason: str, told: Callable[[], datetime]) -> None:
        """Sleeps until then; where that is more than a second away, raises Wait until the instant that is `told`."""
        seconds = (instant - self._clock.now()).total_seconds()
        if seconds > LONGEST_SLEEP_S:
            raise Wait(told(), reason)
        if seconds > 0:
            await self._clock.sleep(seconds)

    async def _paused(self) -> None:
        pause = self._pause
        if pause is None:
            return
        until = pause.ends_at(self._clock.now())
        if until < pause.until:
            pause = self._pause = replace(pause, until=until)
        await self._until(until, pause.reason, lambda: self._line.after(until))
        if self._pause is pause:
            self._pause = None
            self._begin_ramp(pause.lasts_s > LONGEST_SLEEP_S)

    async def _closed_circuit(self) -> bool:
        while self._circuit is not None and not self._circuit.closed:
            now = self._clock.now()
            if self._circuit.probe(now):
                return True
            until, reason = self._circuit.open_until(now)
            await self._until(until, reason, lambda: self._line.after(until))  # noqa: B023 - called at once
        return False

    def _begin_ramp(self, wanted: bool = True) -> None:
        if wanted:
            self._ramp = Ramp(self._clock.now(), self._top)

    async def _pace(self) -> None:
        now = self._clock.now()
        if (ramp := self._ramp) is not None:
            if ramp.over(now):
                self._ramp = None
            else:
                at = ramp.next(now)
                speed = ramp.speed(at)
                words = f"{self._name} is back: {speed:g} calls a second for now"
                await self._until(at, words, lambda: self._line.ramping(at, speed))
                now = self._clock.now()
        if (rate := self._rate) is not None:
            due = rate.next(now)
            words = f"{self._name} takes {rate.words} (limits.rate)"
            await self._until(due, words, lambda: self._line.behind(due, rate.per_s))

    async def _slot(self) -> None:
        if self._slots is None:
            return
        if self._slots > 0 and not self._queue:
            self._slots -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        sleeping = asyncio.ensure_future(self._clock.sleep(LONGEST_SLEEP_S))
        try:
            await asyncio.wait({turn, sleeping}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._give_up(turn)
            raise
        finally:
            sleeping.cancel()
        if not turn.done():
            self._give_up(turn)
            earliest = self._clock.now() + timedelta(seconds=LONGEST_SLEEP_S)
            again_at = self._line.behind(earliest, self._most / self._lasting_s)
            raise Wait(again_at, f"{self._name} has all its calls under way (limits.concurrency)")

    def _give_up(self, turn: asyncio.Future[None]) -> None:
        if turn.done():  # the slot came at the last moment: pass it on
            self._free()
        else:
            self._queue.remove(turn)

    def _free(self) -> None:
        if self._slots is None:
            return
        if self._queue and self._slots >= 0:
            self._queue.popleft().set_result(None)
        else:
            self._slots += 1

    def leave(self, permit: Permit, reply: Reply | None) -> None:
        if reply is not None and reply.status not in (429, 503) and self.stands_open:
            return
        self._free()
        now = self._clock.now()
        if permit.at is not None and reply is not None:
            took_s = max(0.001, (now - permit.at).total_seconds())
            self._lasting_s += (took_s - self._lasting_s) / 8
        if self._circuit is not None:
            self._tell(self._circuit, permit, reply, now)
        if reply is not None and (pause := Pause.asked_by(self._name, reply, now)) is not None:
            later = self._pause is None or pause.until > self._pause.ends_at(now)
            self._pause = pause if later else self._pause

    def _tell(self, circuit: Circuit, permit: Permit, reply: Reply | None, now: datetime) -> None:
        if reply is not None:
            circuit.saw(reply, now, permit.probe)
            self._begin_ramp(permit.probe and circuit.closed)
        elif permit.probe:
            circuit.abandoned()


@dataclass(frozen=True, slots=True)
class Pause:
    """What a system asked for: nothing until then."""

    until: datetime
    lasts_s: float
    reason: str

    @classmethod
    def asked_by(cls, name: str, reply: Reply, now: datetime) -> Pause | None:
        """RFC 9110 §10.2.3, RFC 6585 §4: what one call was told holds for all; at most 24 h."""
        seconds = retry_after_s(reply) if reply.status in (429, 503) else None
        if not seconds:
            return None
        words = f"{name} asked for a pause (HTTP {reply.status}, Retry-After {seconds:g} s)"
        return cls(now + timedelta(seconds=seconds), seconds, words)

    def ends_at(self, now: datetime) -> datetime:
        """Its end; never further away than it was, also where the clock was set back."""
        return min(self.until, now + timedelta(seconds=self.lasts_s))
