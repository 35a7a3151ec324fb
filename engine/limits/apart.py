"""Limits of a process that is apart from the others: it keeps to the part it had last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from engine.clock import Clock
from engine.connector import Connector, Limits
from engine.limits.desk import Share
from engine.permits import MemoryPermits, Pause, Permit
from engine.request import Reply


@dataclass(frozen=True, slots=True)
class Known:
    """What a process knows of a connector when it is left alone: so many of its calls are under way."""

    connector: Connector
    share: Share | None
    under_way: int
    pause: Pause | None


class Apart:
    """Permits in memory, of a part of each limit. Each time apart begins with parts of its own."""

    def __init__(self, clock: Clock) -> None:
        self._memory = MemoryPermits(clock)
        self._parts: dict[tuple[str, str], Connector] = {}
        self._times = 0

    def begin(self, known: Mapping[tuple[str, str], Known], processes: int) -> None:
        """Keeps to these shares from now on, and to what else is known; where none was told, to one of so many parts."""
        self._times += 1
        self._parts = {key: self._part(one.connector, one.share, processes) for key, one in known.items()}
        for key, one in known.items():
            self._memory.begin(self._parts[key], one.under_way, one.pause)

    def words(self) -> dict[str, str]:
        """Each part for people: `hss: 12.5/s, 4 at once`."""
        return {part.name: in_words(part.limits) for part in self._parts.values() if in_words(part.limits)}

    async def take(self, connector: Connector, processes: int) -> Permit:
        """As Permits.take, by this process's part."""
        key = (connector.name, connector.identity)
        part = self._parts.get(key)
        if part is None:
            part = self._parts[key] = self._part(connector, None, processes)
        permit = await self._memory.take(part)
        now_part = self._parts.get(key, part)
        if now_part is not part:  # while it waited for its turn another time apart began
            self._memory.begin(now_part, 1, None)
        return permit

    async def give(self, permit: Permit, reply: Reply | None) -> None:
        """As Permits.give, also of a call that was begun by a share or in an earlier time apart."""
        part = self._parts.get((permit.connector, permit.identity.partition("/")[0]))
        if "/" in permit.identity:
            await self._memory.give(permit, reply)
        if part is not None and part.identity != permit.identity:
            await self._memory.give(Permit(connector=part.name, identity=part.identity), reply)

    def _part(self, connector: Connector, share: Share | None, processes: int) -> Connector:
        identity = f"{connector.identity}/apart{self._times}"
        return replace(connector, limits=part_of(connector.limits, share, processes), identity=identity)


def part_of(limits: Limits, share: Share | None, processes: int) -> Limits:
    """The part of one process: an equal one of the rate, and the slots it holds or would be given."""
    sharing = max(1, share.sharing if share else processes)
    slots = None
    if limits.concurrency is not None:
        slots = max(1, min(share.slots if share and share.slots else limits.concurrency, limits.concurrency // sharing))
    return Limits(rate=limits.rate / sharing if limits.rate else None, concurrency=slots)


def in_words(limits: Limits) -> str:
    """`12.5/s, 4 at once`; empty without limits."""
    rate = f"{limits.rate:.3g}/s" if limits.rate else ""
    slots = f"{limits.concurrency} at once" if limits.concurrency else ""
    return ", ".join(word for word in (rate, slots) if word)
