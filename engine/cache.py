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
class _Entry:
    """A question that is being asked or was answered. `asked_at` is before the request left."""

    asked_at: datetime
    answer: asyncio.Future[Reply]
    until: datetime | None = None  # None: still under way

    @property
    def characters(self) -> int:
        return len(self.answer.result().text) if self.until is not None else 0


class Cache:
    """Two who ask the same thing at once are answered by one request, and so is who asks again within `ttl_s`.

    With one condition: an answer serves only who could have asked for it himself, at `asked_at` or before. The second of two
    quick changes would else be delivered with what was read before it, and nothing would ever repair that.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()  # its front is found at once, a dict's is not
        self._characters = 0

    async def serve(self, key: Hashable, not_before: datetime | None, ttl_s: float, ask: Ask) -> Reply:
        """A reply that was asked for at or after `not_before`: kept, shared, or asked for now. Raises what `ask` raises."""
        while (entry := self._entries.get(key)) is not None and self._serves(entry, not_before):
            if entry.until is not None:
                return replace(entry.answer.result(), source="cache", took_s=0.0)
            try:
                shared = await asyncio.shield(entry.answer)
            except asyncio.CancelledError:
                if not entry.answer.cancelled():  # it is we who are cancelled, not the one who asked
                    raise
            else:
                return replace(shared, source="cache")
        return await self._ask(key, ttl_s, ask)

    def _serves(self, entry: _Entry, not_before: datetime | None) -> bool:
        fresh = entry.until is None or self._clock.now() < entry.until
        return fresh and not_before is not None and entry.asked_at >= not_before

    async def _ask(self, key: Hashable, ttl_s: float, ask: Ask) -> Reply:
        entry = _Entry(self._clock.now(), asyncio.get_running_loop().create_future())
        self._drop(key)
        self._entries[key] = entry
        try:
            reply = await ask()
        except BaseException as error:
            self._failed(key, entry, error)
            raise
        entry.answer.set_result(reply)
        self._keep(key, entry, ttl_s)
        return reply

    def _failed(self, key: Hashable, entry: _Entry, error: BaseException) -> None:
        if self._entries.get(key) is entry:
            del self._entries[key]
        if isinstance(error, asyncio.CancelledError):
            entry.answer.cancel()
        else:
            entry.answer.set_exception(error)
            entry.answer.exception()  # read, so that asyncio does not report it where nobody shared it

    def _keep(self, key: Hashable, entry: _Entry, ttl_s: float) -> None:
        if self._entries.get(key) is not entry:
            return  # somebody who needed a newer answer asks already
        if not _worth_keeping(entry.answer.result()):
            del self._entries[key]
            return
        self._entries.move_to_end(key)  # the oldest answers stand in front
        entry.until = entry.asked_at + timedelta(seconds=ttl_s)
        self._characters += entry.characters
        self._tidy()

    def _drop(self, key: Hashable) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._characters -= entry.characters

    def _tidy(self) -> None:
        """Drops what is over from the front, and the oldest while there is too much."""
        now = self._clock.now()
        while self._entries:
            key, entry = next(iter(self._entries.items()))
            over = entry.until is not None and entry.until <= now
            if not over and len(self._entries) <= _MOST_ENTRIES and self._characters <= _MOST_CHARACTERS:
                return
            if entry.until is None:  # under way: it is kept anew when it is answered
                return
            self._drop(key)


def _worth_keeping(reply: Reply) -> bool:
    return reply.error is None and (not isinstance(reply.status, int) or reply.status < 400)
