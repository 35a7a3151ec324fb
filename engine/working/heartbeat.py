"""A process's heartbeat, and the fence it puts up against itself.

Claims live while their owner beats: others take over after 10 s without. A process that was frozen, or could not reach the
store, may have lost all it held without knowing; so 7 s after its last beat it starts no further effect, and what it held
before the gap stays fenced when the beat is back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from engine.clock import Clock, SystemClock
from engine.errors import ClaimLost, StoreUnavailable
from engine.storage.protocol import Claims, Owner

BEAT_EVERY_S = 3.0
SURE_FOR_S = 7.0
STEP_S = 2.0  # a difference since the last beat that no drift makes
STEADY_AFTER_S = 10.0  # by then all that live have beaten by the new time

log = structlog.get_logger("nsps.heartbeat")


class Heartbeat:
    """Beats, and knows whether claims are surely still held. `monotonic` is seconds that no clock change moves."""

    def __init__(self, store: Claims, owner: Owner, clock: Clock, monotonic: Callable[[], float]) -> None:
        self.owner = owner
        self._store = store
        self._clock = clock
        self._monotonic = monotonic
        self._beaten_at: float | None = None
        self._uneven_at: float | None = None
        self._beating = asyncio.Lock()
        self.gaps = 0

    def now(self) -> datetime:
        """Store time, by which claims are made."""
        return self._clock.now()

    def runs(self, config_hash: str, refused: str = "") -> None:
        """Tells which configuration this process runs from now on, and why it refused the one in its folder."""
        self.owner = replace(self.owner, config_hash=config_hash, refused=refused)

    def sure(self) -> bool:
        """Whether a claim made since the last gap is surely still this process's."""
        return self._beaten_at is not None and self._monotonic() - self._beaten_at < SURE_FOR_S

    def fence(self, gaps: int) -> None:
        """Raises ClaimLost unless a claim made when `gaps` were counted is surely still held."""
        if gaps != self.gaps or not self.sure():
            raise ClaimLost(
                f"this process could not beat for {SURE_FOR_S:g} s, so its deliveries may be another's: nothing more is sent"
            )

    async def beat(self) -> None:
        """Beats once. Raises StoreUnavailable."""
        async with self._beating:  # two at once would both make up for the same difference of clocks
            await self._beat()

    async def _beat(self) -> None:
        asked_at, asked = self._clock.now(), self._monotonic()
        told = self._clock.machine() if isinstance(self._clock, SystemClock) else asked_at
        store_now = await self._store.beat(self.owner, told)
        gap_s = 0.0 if self._beaten_at is None else asked - self._beaten_at
        if gap_s >= SURE_FOR_S:
            self.gaps += 1
            self._uneven_at = asked  # the store was away for the others, too: they may be silent for that alone
            log.warning("beats were missed; what was held before is given up", gap_s=round(gap_s, 1))
        if isinstance(self._clock, SystemClock):
            await self._agree(store_now - asked_at, asked)
        self._beaten_at = asked

    async def _agree(self, difference: timedelta, asked: float) -> None:
        """Goes on by the store's time."""
        if isinstance(self._clock, SystemClock):
            self._clock.offset += difference
        if self._beaten_at is not None and abs(difference.total_seconds()) > STEP_S:
            self._uneven_at = asked
            log.warning(
                "the store's clock was set; nobody is taken for dead for a while", by_s=difference.total_seconds()
            )
            if difference < timedelta(0):
                await self._store.set_back(self._clock.now())

    async def steady(self) -> bool:
        """Whether the ages of heartbeats mean something: the store's clock was not set just now, nor was the store away.
        Raises StoreUnavailable."""
        await self.beat()
        return self._uneven_at is None or self._monotonic() - self._uneven_at >= STEADY_AFTER_S

    async def run(self) -> None:
        """Beats every 3 s until cancelled."""
        failing = False
        while True:
            try:
                await self.beat()
                failing = False
            except StoreUnavailable as error:
                if not failing:
                    log.warning("cannot beat: the store is not available", why=str(error))
                failing = True
            await asyncio.sleep(BEAT_EVERY_S)
