"""What a connector's system can bear: rate, concurrency, a breaker, and the pauses it asks for."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from engine.breaker import Circuit
from engine.clock import Clock
from engine.connector import Connector
from engine.errors import Wait
from engine.reply_words import retry_after_s
from engine.request import Reply

LONGEST_SLEEP_S = 1.0  # longer: the delivery waits, not a slot


@dataclass(frozen=True, slots=True)
class Permit:
    """The right to make one call. `probe`: it is the one that tries whether an open circuit may close."""

    connector: str
    probe: bool = False
    identity: str = ""  # of the connector: another configuration of it has permits of its own


class Permits(Protocol):
    """Who may call now. Kept in memory, or shared by all processes."""

    async def take(self, connector: Connector, /) -> Permit:
        """Returns when a call may be made; sleeps up to 1 s for it. Raises Wait when it would take longer."""

    async def give(self, permit: Permit, reply: Reply | None, /) -> None:
        """Ends what `take` began; None: no call came of it."""


class MemoryPermits:
    """Permits of this process alone. Each connector has its own; what one suffers no other feels."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._gates: dict[tuple[str, str], _Gate] = {}

    async def take(self, connector: Connector, /) -> Permit:
        """See Permits."""
        key = (connector.name, connector.identity)
        gate = self._gates.get(key)
        if gate is None:
            gate = self._gates[key] = _Gate(connector, self._clock)
        return Permit(connector.name, probe=await gate.enter(), identity=connector.identity)

    async def give(self, permit: Permit, reply: Reply | None, /) -> None:
        """See Permits."""
        self._gates[permit.connector, permit.identity].leave(permit, reply)


class _Gate:
    """The permits of one connector."""

    def __init__(self, connector: Connector, clock: Clock) -> None:
        self._name = connector.name
        self._clock = clock
        self._slots = connector.limits.concurrency
        self._queue: deque[asyncio.Future[None]] = deque()
        self._rate = _Rate(connector.limits.rate) if connector.limits.rate else None
        self._circuit = Circuit(connector.name, connector.breaker) if connector.breaker else None
        self._paused_until: datetime | None = None
        self._pause_reason = ""

    async def enter(self) -> bool:
        """Whether the call is the probe of a circuit that was open."""
        await self._pause()
        probe = await self._closed_circuit()
        try:
            await self._pace()
            await self._slot()
        except BaseException:
            if probe and self._circuit:
                self._circuit.abandoned()
            raise
        return probe

    async def _until(self, instant: datetime, reason: str) -> None:
        """Sleeps until then, or raises Wait where that is more than a second away."""
        seconds = (instant - self._clock.now()).total_seconds()
        if seconds > LONGEST_SLEEP_S:
            raise Wait(instant, reason)
        if seconds > 0:
            await self._clock.sleep(seconds)

    async def _pause(self) -> None:
        if self._paused_until is not None:
            await self._until(self._paused_until, self._pause_reason)
            self._paused_until = None

    async def _closed_circuit(self) -> bool:
        while self._circuit is not None and not self._circuit.closed:
            if self._circuit.probe(self._clock.now()):
                return True
            await self._until(*self._circuit.open_until(self._clock.now()))
        return False

    async def _pace(self) -> None:
        if self._rate is not None:
            now = self._clock.now()
            at = self._rate.next(now)
            await self._until(at, f"{self._name} takes {self._rate.words} (limits.rate)")

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
            again_at = self._clock.now() + timedelta(seconds=LONGEST_SLEEP_S)
            raise Wait(again_at, f"{self._name} has all its calls under way (limits.concurrency)")

    def _give_up(self, turn: asyncio.Future[None]) -> None:
        if turn.done():  # the slot came at the last moment: pass it on
            self._free()
        else:
            self._queue.remove(turn)

    def _free(self) -> None:
        if self._slots is None:
            return
        if self._queue:
            self._queue.popleft().set_result(None)
        else:
            self._slots += 1

    def leave(self, permit: Permit, reply: Reply | None) -> None:
        self._free()
        now = self._clock.now()
        if self._circuit is not None:
            if reply is not None:
                self._circuit.saw(reply, now, permit.probe)
            elif permit.probe:
                self._circuit.abandoned()
        if reply is not None and reply.status in (429, 503):
            self._heed(reply, now)

    def _heed(self, reply: Reply, now: datetime) -> None:
        """RFC 9110 §10.2.3, RFC 6585 §4: what one call was told holds for all."""
        seconds = retry_after_s(reply)
        if seconds:
            until = now + timedelta(seconds=seconds)
            self._paused_until = max(until, self._paused_until or until)
            self._pause_reason = f"{self._name} asked for a pause (HTTP {reply.status}, Retry-After {seconds:g} s)"


class _Rate:
    """At most `rate` calls in any second; fewer than one a second: one in 1/rate seconds. Bursts within that are free."""

    def __init__(self, rate: float) -> None:
        self._most = max(1, int(rate))
        self._window = timedelta(seconds=self._most / rate)
        self._taken: deque[datetime] = deque()
        self.words = f"{rate:g} calls a second" if rate >= 1 else f"one call in {1 / rate:g} seconds"

    def next(self, now: datetime) -> datetime:
        """When the next call may go. It is booked, unless that is more than a second away."""
        while self._taken and self._taken[0] + self._window <= now:
            self._taken.popleft()
        if len(self._taken) < self._most:
            self._taken.append(now)
            return now
        at = self._taken[-self._most] + self._window
        if (at - now).total_seconds() <= LONGEST_SLEEP_S:
            self._taken.append(at)
        return at
