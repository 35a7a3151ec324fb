"""Who may call now: one module per place where that is kept, and a literal table of them by the scheme of `queue:`.

Processes that share a queue in Redis share their limits there too; where all is one process, its memory will do. RabbitMQ
keeps no numbers: there each process has an equal part of a limit, and a breaker of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from engine.clock import Clock
from engine.permits import MemoryPermits, Permits


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharer:
    """Who asks for permits. `processes` says how many work on the instance."""

    url: str
    instance: str
    owner: str
    clock: Clock
    processes: Callable[[], int]


def _memory(sharer: Sharer) -> Permits:
    return MemoryPermits(sharer.clock)


def _redis(sharer: Sharer) -> Permits:
    from engine.limits.redis_desk import RedisDesk  # a process loads the client of its own queue only
    from engine.limits.shared import SharedPermits

    desk = RedisDesk(sharer.url, sharer.instance)
    monotonic = asyncio.get_running_loop().time
    return SharedPermits(desk, sharer.owner, sharer.clock, monotonic, sharer.processes)


def _divided(sharer: Sharer) -> Permits:
    from engine.limits.divided import DividedPermits

    return DividedPermits(sharer.clock, sharer.processes)


PERMITS: Mapping[str, Callable[[Sharer], Permits]] = {
    "embedded": _memory,
    "redis": _redis,
    "rediss": _redis,
    "amqp": _divided,
    "amqps": _divided,
}


def open_permits(sharer: Sharer) -> Permits:
    """The permits that go with the queue at `sharer.url`; a server is asked when the first call is made."""
    return PERMITS[sharer.url.partition(":")[0]](sharer)
