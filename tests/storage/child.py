"""A process that accepts events until it is killed, and prints the id of each once it is answered."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from engine.clock import SystemClock
from engine.storage.protocol import Arrival
from engine.storage.store import Store
from tests.storage.scene import event, routed


async def main() -> None:
    clock = SystemClock()
    store = await Store.open("sqlite:///nsps.db", project=Path(sys.argv[1]), clock=clock)

    async def sender() -> None:
        while True:
            one = event(clock.now())
            accepted = await store.accept(Arrival(event=one, routed=[routed(clock.now())], key=one.id))
            print(accepted.event_id, flush=True)

    await asyncio.gather(*(sender() for _ in range(8)))


asyncio.run(main())
