"""One connector in one process: the share it has, and who waits for it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

from engine.breaker import look_again_at
from engine.clock import Clock
from engine.connector import Connector
from engine.errors import LimitsUnreachable, Wait
from engine.limits.desk import Question, Share
from engine.limits.news import IDLE_S, News
from engine.permits import LONGEST_SLEEP_S, Pause, Permit
from engine.ramp import Line
from engine.request import Reply

RENEW_S = 2.0  # how often a process that has calls under way says that it lives
POLL_S = 0.05  # how often it asks for slots that others hold
SOON_S = 0.005
SAME_S = 0.5  # two answers that name instants so close together mean the same one

Monotonic = Callable[[], float]
"""Seconds that no clock change moves."""


class Gate:
    """Lets calls through by the last share. `kick` is called when there is something to ask or to tell."""

    def __init__(
        self, connector: Connector, owner: str, clock: Clock, monotonic: Monotonic, kick: Callable[[], None]
    ) -> None:
        self.connector = connector
        self.news = News(connector, owner)
        self.share: Share | None = None
        self._clock = clock
        self._monotonic = monotonic
        self._kick = kick
        self._line = Line(self.news.rules.top)
        self._waiting: deque[asyncio.Future[Permit]] = deque()
        self._tokens: float = 0
        self._opens_at: datetime | None = None
        self._paused_until = 0.0
        self._paused_why = ""

    # --- calls --------------------------------------------------------------------------------------------------------

    async def take(self) -> Permit:
        """Returns when a call may be made, within a second. Raises Wait, LimitsUnreachable."""
        permit = None if self._waiting else self._let_through()
        if permit is not None:
            return permit
        if (refusal := self._refusal()) is not None:
            raise refusal
        turn: asyncio.Future[Permit] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._kick()
        try:
            await asyncio.wait({turn}, timeout=LONGEST_SLEEP_S)
        except asyncio.CancelledError:
            if turn.done() and turn.exception() is None:
                self.give(turn.result(), None)
            raise
        finally:
            if turn in self._waiting:
                self._waiting.remove(turn)
        if not turn.done():
            raise self._in_vain()
        return turn.result()

    def give(self, permit: Permit, reply: Reply | None) -> None:
        """Ends a call; what it saw is told to all."""
        self.news.ended(permit, reply, self._monotonic(), self._clock.now())
        if self.news.any or (self.share is not None and self.share.starved):
            self._kick()
        self._serve()

    def unreachable(self, why: LimitsUnreachable) -> None:
        """Those who wait go on without a share."""
        while self._waiting:
            self._waiting.popleft().set_exception(why)

    def _let_through(self) -> Permit | None:
        share, news, now = self.share, self.news, self._monotonic()
        if share is None or self._tokens < 1 or now >= news.asked_at + share.lease_s or news.pause is not None:
            return None
        if news.rules.slots and news.in_use >= share.slots:
            return None
        self._tokens -= 1
        probe = share.probe
        news.began(now, probe)
        return Permit(connector=self.connector.name, probe=probe, identity=self.connector.identity)

    def _serve(self) -> None:
        """Lets in those who wait, the first first."""
        while self._waiting and (permit := self._let_through()) is not None:
            self._waiting.popleft().set_result(permit)

    # --- why not now --------------------------------------------------------------------------------------------------

    def _refusal(self) -> Wait | None:
        """Set while nothing is sent for more than a second from now."""
        shut = self.shut()
        if shut is None or (shut[0] - self._clock.now()).total_seconds() <= LONGEST_SLEEP_S:
            return None
        return Wait(self._line.after(shut[0], self._sharing), shut[1])

    @property
    def _sharing(self) -> int:
        return max(1, self.share.sharing) if self.share else 1

    def shut(self) -> tuple[datetime, str] | None:
        """Until when nothing is sent, and why: a pause the system asked for, or an open breaker."""
        share, name, pause = self.share, self.connector.name, self.news.pause
        if pause is not None:
            return pause.until, pause.reason
        if share is None or self._opens_at is None:
            return None
        if share.paused_s is not None:
            return self._opens_at, share.why
        if share.probing_s is not None or self.news.probe == "busy":
            return self._opens_at, f"breaker of {name}: one call is trying whether it is back"
        until = f"{self._opens_at:%H:%M:%S} UTC after {self.news.rules.failures} failures"
        return self._opens_at, f"breaker of {name} is open until {until}, the last: {share.why}"

    def _in_vain(self) -> Wait:
        """What one is told who waited for a second."""
        share, now = self.share or Share(), self._clock.now()
        if (shut := self.shut()) is not None:
            return Wait(self._line.after(max(shut[0], now), self._sharing), shut[1])
        earliest = now + timedelta(seconds=max(share.more_in_s or 0.0, LONGEST_SLEEP_S))
        pace, words = self._pace(share)
        place = self._line.ramping if share.ramp and not self._full(share) else self._line.behind
        return Wait(place(earliest, pace / self._sharing), f"{self.connector.name} {words}")

    def _full(self, share: Share) -> bool:
        return bool(self.news.rules.slots) and self.news.in_use >= share.slots

    def _pace(self, share: Share) -> tuple[float, str]:
        """Calls a second of all processes, and what keeps it from being more."""
        slots, rate = self.news.rules.slots, self.connector.limits.rate
        if slots and self._full(share):
            return slots / self.news.lasting_s, "has all its calls under way (limits.concurrency)"
        if share.ramp:
            return share.ramp, f"is back: {share.ramp:g} calls a second for now"
        if rate:
            words = f"{rate:g} calls a second" if rate >= 1 else f"one call in {1 / rate:g} seconds"
            return rate, f"takes {words} (limits.rate)"
        return self.news.rules.top, "is asked for by too many at once"

    # --- asking -------------------------------------------------------------------------------------------------------

    def asks_at(self) -> float | None:
        """When it has something to ask or to tell, by the monotonic clock; None: nothing at all."""
        share, asked_at = self.share, self.news.asked_at
        if self.news.any:
            return asked_at + SOON_S
        if share is None:
            return 0.0 if self._waiting else None
        if self._waiting:
            return asked_at + self._patience_s(share)
        if self.news.in_use:
            return asked_at + (POLL_S if share.starved else RENEW_S)
        return max(asked_at, self.news.used_at) + IDLE_S

    def _patience_s(self, share: Share) -> float:
        if self.news.rules.slots and self.news.in_use >= share.slots:
            return SOON_S if share.slots >= self.news.wanted else POLL_S
        shut_s = share.paused_s if share.paused_s is not None else share.open_s
        until_s = share.more_in_s if shut_s is None else shut_s
        return min(max(until_s or 0.0, SOON_S), LONGEST_SLEEP_S)

    def question(self) -> Question:
        """What to ask now. Tokens of the last share are given back with it."""
        self._tokens = 0
        return self.news.question(self.share, len(self._waiting), self._monotonic(), self._clock.now())

    def hear(self, asked: Question, share: Share) -> None:
        """Goes on with the share that was told."""
        self.news.told(asked, self._clock.now())
        self._keep_pause(share)
        self.share = None if asked.leaves and not self._waiting else share
        self._tokens = float("inf") if share.tokens is None else share.tokens
        self._serve()
        if share.probe and self.news.probe == "":
            self.news.probe = "gone"  # who asked for it does not wait any more
        self._note_when_it_opens(share)
        while self._waiting and (refusal := self._refusal()) is not None:
            self._waiting.popleft().set_exception(refusal)

    def _keep_pause(self, share: Share) -> None:
        """A pause that the server forgot, for it was wiped, is told with the next question, and kept until then."""
        now = self._monotonic()
        if share.paused_s is not None:
            self._paused_until, self._paused_why = now + share.paused_s, share.why
        elif (left_s := self._paused_until - now) > SAME_S and self.news.pause is None:
            self.news.pause = Pause(self._clock.now() + timedelta(seconds=left_s), left_s, self._paused_why)

    def _note_when_it_opens(self, share: Share) -> None:
        now, seconds = self._clock.now(), share.paused_s if share.paused_s is not None else share.open_s
        if seconds is None:
            self._opens_at = None
            return
        opens_at = now + timedelta(seconds=seconds)
        if share.paused_s is None and (share.probing_s is not None or self.news.probe == "busy"):
            opens_at = look_again_at(now - timedelta(seconds=share.probing_s or 0.0), now)
        known = self._opens_at
        if known is None or abs((known - opens_at).total_seconds()) > SAME_S:
            self._opens_at = opens_at
