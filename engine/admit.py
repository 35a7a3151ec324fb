"""Letting a refused body in after all, by hand."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from engine.catalog import Catalog
from engine.event import Event
from engine.ids import new_event_id, trace_of
from engine.receiving.arrival import accepted_arrival, espf_arrival
from engine.receiving.espf_body import Stamp, read_espf
from engine.receiving.nsps_body import read_nsps
from engine.route import route
from engine.storage.protocol import Accepted, Intake, Refusal


class AdmitStore(Intake, Protocol):
    """What admitting asks of the store."""

    async def admitted(self, refusal_id: int, event_id: str) -> None:
        """Notes as which event the refusal was admitted."""


async def admit_body(store: AdmitStore, catalog: Catalog, refusal: Refusal, now: datetime) -> Accepted:
    """Stores the refused body as an event with its deliveries, as its receiver would have.

    In the NSPS role its sender no longer waits: we own the retries. Raises EventRefused when the body is no event,
    StoreUnavailable.
    """
    event = _event(refusal, now)
    routing = route(event, catalog)
    arrival = espf_arrival(event, routing) if event.source == "espf" else accepted_arrival(event, routing)
    accepted = await store.accept(arrival)
    await store.admitted(refusal.id, accepted.event_id)
    return accepted


def _event(refusal: Refusal, now: datetime) -> Event:
    event_id = new_event_id(now)
    stamp = Stamp(event_id=event_id, received_at=now, trace_id=trace_of(event_id))
    return read_espf(refusal.body, stamp) if refusal.source == "espf" else read_nsps(refusal.body, stamp)
