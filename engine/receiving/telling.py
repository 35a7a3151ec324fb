"""Warnings that anybody can cause, within bounds: each kind is told at once, what repeats at the end of its minute.

Nobody who may not send events can fill the log, and no kind hides behind another: a minute tells the first of each kind, up to
twenty of them, and one line that says how many more there were and of which.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol

import structlog

MINUTE_S = 60.0
MOST_KINDS = 20
OTHERS = "others"

# What differs between refusals of one kind: what the sender wrote, where it posted to, how many and how large.
_VARIABLE = re.compile(r"'.*'|\".*\"|(?<!\S)/\S*|\d+", re.DOTALL)
LONGEST_KIND = 200

log = structlog.get_logger("nsps.receive")


class Timer(Protocol):
    """What is asked of the loop."""

    def time(self) -> float: ...

    def call_later(self, delay: float, callback: Callable[[], None], /) -> asyncio.TimerHandle: ...


def kind_of_reason(reason: str) -> str:
    """The reason without what varies from one sender's mistake to the next."""
    return _VARIABLE.sub("…", reason)[:LONGEST_KIND]


class Telling:
    """Tells in the log. A timer lives only while something is held back; `loop` None: the one that runs."""

    def __init__(self, loop: Timer | None = None) -> None:
        self._loop = loop
        self._minute_ends = 0.0
        self._told: set[str] = set()
        self._held: Counter[str] = Counter()
        self._timer: asyncio.TimerHandle | None = None

    def tell(self, kind: str, warning: str, **fields: Any) -> None:
        """Logs the first of its kind in a minute; a further one is counted, and told when the minute ends."""
        loop = self._loop or asyncio.get_running_loop()
        now_s = loop.time()
        if now_s >= self._minute_ends:
            self.flush()
            self._told.clear()
            self._minute_ends = now_s + MINUTE_S
        if kind not in self._told and len(self._told) < MOST_KINDS:
            self._told.add(kind)
            log.warning(warning, **fields)
            return
        self._held[kind if kind in self._held or len(self._held) < MOST_KINDS else OTHERS] += 1
        if self._timer is None:
            self._timer = loop.call_later(self._minute_ends - now_s, self.flush)

    def flush(self) -> None:
        """Tells what is held back now, as at the end of its minute. A process that stops calls it last."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._held:
            held, self._held = self._held, Counter()
            log.warning("more of the same within a minute", times=held.total(), kinds=dict(held.most_common()))
