"""A process on a PostgreSQL: opens the store, or accepts events until it is killed and prints each id once it is answered.

python pg_child.py URL INSTANCE open|accept|skewed SECONDS
"""

from __future__ import annotations

import asyncio
import sys
from datetime import datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from engine.clock import SystemClock
from engine.errors import StoreUnavailable
from engine.storage.protocol import Arrival
from engine.storage.store import Store
from tests.storage.scene import event, routed


class SkewedClock(SystemClock):
    """The clock of a machine that is wrong by so much."""

    def __init__(self, wrong_s: float) -> None:
        super().__init__()
        self._wrong = timedelta(seconds=wrong_s)

    def now(self) -> datetime:
        return super().now() + self._wrong


async def main(url: str, instance: str, what: str) -> None:
    clock = SystemClock()
    store = await Store.open(url, project=Path(), clock=clock, instance=instance)
    if what == "open":
        print("opened", flush=True)
        await store.close()
        return

    async def sender() -> None:
        while True:
            one = event(clock.now())
            try:
                accepted = await store.accept(Arrival(event=one, routed=[routed(clock.now())], key=one.id))
            except StoreUnavailable:
                await asyncio.sleep(0.05)
                continue
            print(accepted.event_id, flush=True)

    await asyncio.gather(*(sender() for _ in range(8)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))
