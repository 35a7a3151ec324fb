"""What one process has to tell of one connector: calls under way, failures, a pause it was asked for, how the probe went."""

from __future__ import annotations

from datetime import datetime

from engine.breaker import failure
from engine.connector import Connector
from engine.limits.desk import Back, ProbeNews, Question, Share, rules_of
from engine.permits import Pause, Permit
from engine.request import Reply

IDLE_S = 0.5  # how long it keeps what it does not use
SHORTEST_S = 0.05  # shorter spans say nothing about how many calls there will be
MOST_GROWTH = 4


class News:
    """Gathers until it is told with the next question. Seconds are those of a monotonic clock."""

    def __init__(self, connector: Connector, owner: str) -> None:
        self.rules = rules_of(connector)
        self.in_use = 0
        self.lasting_s = 1.0  # of one call, on average
        self.probe: ProbeNews = ""
        self.pause: Pause | None = None
        self.asked_at = 0.0
        self.used_at = 0.0
        self.wanted = 0  # slots the last question asked for
        self._connector = connector
        self._owner = owner
        self._used = 0
        self._most_in_use = 0
        self._failures: list[float] = []
        self._last = ""

    @property
    def any(self) -> bool:
        """Whether there is something others should know at once."""
        return bool(self._failures or self.pause is not None or self.probe in ("ok", "failed", "gone"))

    def began(self, now: float, probe: bool) -> None:
        """A call begins."""
        self._used += 1
        self.used_at = now
        self.in_use += 1
        self._most_in_use = max(self._most_in_use, self.in_use)
        if probe:
            self.probe = "busy"

    def ended(self, permit: Permit, reply: Reply | None, now: float, at: datetime) -> None:
        """A call ended; None: none came of it."""
        self.in_use -= 1
        if permit.probe:
            self.probe = "gone" if reply is None else "failed" if failure(reply) else "ok"
        if reply is None:
            return
        self.lasting_s += (max(0.001, reply.took_s) - self.lasting_s) / 8
        failed = failure(reply)
        if failed and self.rules.failures:
            self._last = failed
            if not permit.probe:
                self._failures.append(now)
        self.asked_to_pause(reply, at)

    def asked_to_pause(self, reply: Reply | None, at: datetime) -> None:
        """Notes the pause a reply asks for, if it does."""
        asked = None if reply is None else Pause.asked_by(self._connector.name, reply, at)
        self.pause = asked or self.pause

    def question(self, share: Share | None, waiting: int, now: float, at: datetime) -> Question:
        """What to ask with so many waiting. What is told with it is told once, but for the probe and a pause."""
        idle = not waiting and not self.in_use and now - self.used_at >= IDLE_S
        need = self.in_use + waiting
        asked = Question(
            connector=self._connector.name,
            owner=self._owner,
            rules=self.rules,
            in_use=self.in_use,
            need=need,
            want=0 if idle else max(need, self._most_in_use) + 1,
            tokens=0 if idle else waiting + self._expected(share, now),
            back=self._back(share, now),
            failures=tuple(max(0.0, now - failed_at) for failed_at in self._failures),
            last=self._last,
            probe=self.probe,
            pause_s=0.0 if self.pause is None else max(0.0, (self.pause.ends_at(at) - at).total_seconds()),
            pause_why=self.pause.reason if self.pause else "",
        )
        self._failures.clear()
        self._used, self._most_in_use = 0, self.in_use
        self.asked_at, self.wanted = now, asked.want
        return asked

    def leaving(self, share: Share | None, now: float) -> Question:
        """What to ask to give all back; calls under way are not waited for."""
        return Question(
            connector=self._connector.name, owner=self._owner, rules=self.rules, back=self._back(share, now)
        )

    def told(self, asked: Question, at: datetime) -> None:
        """The question was answered: its news is known to all."""
        if self.probe == asked.probe and asked.probe != "busy":
            self.probe = ""
        if self.pause is not None and (asked.pause_s > 0 or self.pause.ends_at(at) <= at):
            self.pause = None

    def _expected(self, share: Share | None, now: float) -> int:
        """Calls there will be within a lease, if it goes on as it did since the last question."""
        if share is None or not self._used:
            return 0
        ahead = share.lease_s / max(SHORTEST_S, now - self.asked_at)
        return round(self._used * min(ahead, MOST_GROWTH))

    def _back(self, share: Share | None, now: float) -> Back | None:
        if share is None or share.tokens is None or not share.grant:
            return None
        ago_s = max(0.0, now - self.used_at)
        return Back(grant=share.grant, ramp=share.ramp_id, calls=share.tokens, used=self._used, ago_s=ago_s)
