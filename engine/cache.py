"""Replies of enrichments, shared and kept for a short while; never older than the event they serve."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from engine.clock import Clock
from engine.request import Reply

Ask = Callable[[], Awaitable[Reply]]
_MOST_ENTRIES = 1_000  # some 9 KB each, as Python holds them
_MOST_CHARACTERS = 64 * 1024 * 1024


@dataclass(slots=True)
class _Asked:
    """A question under way. `asked_at` is before the request left; `answer` is there once somebody shares it."""

    asked_at: datetime
    answer: asyncio.Future[Reply] | None = None


@dataclass(slots=True)
class _Kept:
    """A question that was answered."""

    asked_at: datetime
    until: datetime
    reply: Reply


class Cache:
    """Two who ask the same thing at once are answered by one request, and so is who asks again within `ttl_s`.

    With one condition: an answer serves only who could have asked for it himself, at `asked_at` or before. The second of two
    quick changes would else be delivered with what was read before it, and nothing would ever repair that.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._asking: dict[Hashable, _Asked] = {}
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()  # its front is found at once, a dict's is not
        self._characters = 0

    def __len__(self) -> int:
        """How many replies are kept."""
        return len(self._kept)

    async def serve(self, key: Hashable, not_before: datetime | None, ttl_s: float, ask: Ask) -> Reply:
        """A reply that was asked for at or after `not_before`: kept, shared, or asked for now. Raises what `ask` raises."""
        if not_before is None:
            return await self._ask(key, ttl_s, ask)
        while True:
            kept = self._kept.get(key)
            if kept is not None and kept.asked_at >= not_before and self._clock.now() < kept.until:
                return replace(kept.reply, source="cache", took_s=0.0)
            asked = self._asking.get(key)
            if asked is None or asked.asked_at < not_before:
                return await self._ask(key, ttl_s, ask)
            if (shared := await _shared(asked)) is not None:
                return replace(shared, source="cache")

    async def _ask(self, key: Hashable, ttl_s: float, ask: Ask) -> Reply:
        asked = self._asking[key] = _Asked(self._clock.now())
        try:
            reply = await ask()
        except BaseException as error:
            self._over(key, asked)
            if asked.answer is not None:
                _fail(asked.answer, error)
            raise
        if asked.answer is not None:
            asked.answer.set_result(reply)
        if self._over(key, asked) and _worth_keeping(reply):
            self._keep(key, _Kept(asked.asked_at, asked.asked_at + timedelta(seconds=ttl_s), reply))
        return reply

    def _over(self, key: Hashable, asked: _Asked) -> bool:
        """Ends it. False where somebody who needs a newer answer asks already."""
        if self._asking.get(key) is not asked:
            return False
        del self._asking[key]
        return True

    def _keep(self, key: Hashable, kept: _Kept) -> None:
        self._drop(key)
        self._kept[key] = kept
        self._characters += len(kept.reply.text)
        now = kept.asked_at  # or later: what is over only then goes a little later
        while self._kept:
            key, oldest = next(iter(self._kept.items()))
            if oldest.until > now and len(self._kept) <= _MOST_ENTRIES and self._characters <= _MOST_CHARACTERS:
                return
            self._drop(key)

    def _drop(self, key: Hashable) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._characters -= len(kept.reply.text)


async def _shared(asked: _Asked) -> Reply | None:
    """The answer to somebody else's question; None when who asked was cancelled. Raises what that question came to."""
    if asked.answer is None:
        asked.answer = asyncio.get_running_loop().create_future()
    answer = asked.answer
    try:
        return await asyncio.shield(answer)
    except asyncio.CancelledError:
        if not answer.cancelled():  # it is we who are cancelled, not the one who asked
            raise
        return None


def _fail(answer: asyncio.Future[Reply], error: BaseException) -> None:
    if isinstance(error, asyncio.CancelledError):
        answer.cancel()
    else:
        answer.set_exception(error)
        answer.exception()  # read, so that asyncio does not report it where those who shared it were cancelled


def _worth_keeping(reply: Reply) -> bool:
    return reply.error is None and (not isinstance(reply.status, int) or reply.status < 400)
