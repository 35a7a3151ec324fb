"""The receiver alone, in a process of its own: its route over the real store, or over one that takes all and keeps nothing.

`python -m benchmarks.receiving PORT FOLDER STORE`, the store's address or `nothing`. Deliveries are stored; nobody works on them.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import uvloop

from engine.catalog import Catalog
from engine.clock import SystemClock
from engine.ids import new_event_id
from engine.loading.load import open_project
from engine.receive import Receiver, doors_of
from engine.receiving.reception import ReceiveStore, Reception
from engine.receiving.refusing import Refusals
from engine.receiving.telling import Telling
from engine.route import route
from engine.run import settle
from engine.serving import listen, serving
from engine.storage.protocol import Accepted, Arrival, Refusal
from engine.storage.store import Store


class Nothing:
    """A store that says yes at once."""

    async def accept(self, arrival: Arrival) -> Accepted:
        return Accepted(event_id=arrival.event.id, new=True, delivery_ids=())

    async def refuse(self, refusal: Refusal) -> None:
        """Forgotten."""

    async def ready(self) -> None:
        """Always."""


def receiver(catalog: Catalog, store: ReceiveStore) -> Receiver:
    """The product's own route, whose deliveries nobody is told of."""
    clock = SystemClock()
    reception = Reception(
        store=store,
        refusals=Refusals(store, clock, Telling()),
        clock=clock,
        new_id=new_event_id,
        route=lambda event: route(event, catalog),
        put=lambda pipeline, ids: None,
    )
    return Receiver(reception, doors_of(catalog.settings.receive, reception, None, str), lambda: {})


async def serve(port: int, folder: Path, url: str) -> None:
    """Until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    environ = {"ESPF_PASSWORD": "bench", "MOCK_URL": "http://127.0.0.1:1"}
    catalog, clock = open_project(folder, environ), SystemClock()
    opened = None if url == "nothing" else await Store.open(url, project=folder, clock=clock, instance="bench")
    settle()
    async with serving(receiver(catalog, opened or Nothing()), listen("127.0.0.1", port), 5.0):
        await stop.wait()
    if opened is not None:
        await opened.close()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
