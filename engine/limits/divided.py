"""Limits in equal parts, where processes have no place to share them: each keeps to one of as many as there are processes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from engine.clock import Clock
from engine.connector import Connector
from engine.limits.apart import part_of
from engine.permits import MemoryPermits, Permit
from engine.request import Reply


class DividedPermits:
    """See Permits. A process that comes or goes changes every part."""

    def __init__(self, clock: Clock, processes: Callable[[], int]) -> None:
        self._memory = MemoryPermits(clock)
        self._processes = processes
        self._parts: dict[tuple[str, str], tuple[int, Connector]] = {}

    async def take(self, connector: Connector, /) -> Permit:
        """See Permits."""
        processes = max(1, self._processes())
        key = (connector.name, connector.identity)
        divided_by, part = self._parts.get(key, (0, connector))
        if divided_by != processes:
            part = replace(connector, limits=part_of(connector.limits, None, processes))
            self._parts[key] = processes, part
            self._memory.resize(part)
        return await self._memory.take(part)

    async def give(self, permit: Permit, reply: Reply | None, /) -> None:
        """See Permits."""
        await self._memory.give(permit, reply)

    async def close(self) -> None:
        """See Permits."""
