"""An event and where it goes, as the store takes it in."""

from __future__ import annotations

from datetime import timedelta

from engine.delivery import Routing
from engine.event import Event
from engine.receiving.espf_body import espf_keys
from engine.receiving.nsps_body import nsps_key
from engine.storage.protocol import Arrival

ORPHANED_AFTER_S = 30.0  # beyond the wait for its turn: then the receiver that stored it is surely gone


def espf_arrival(event: Event, routing: Routing) -> Arrival:
    """Repeats are known by source, environment, id, type and variables."""
    key, id_key = espf_keys(event)
    return Arrival(event=event, routed=routing.taken, key=key, id_key=id_key)


def accepted_arrival(event: Event, routing: Routing) -> Arrival:
    """The NSPS role, answered at once: we retry."""
    return Arrival(event=event, routed=routing.taken, key=nsps_key(event), replace_body=True)


def processed_arrival(event: Event, routing: Routing, answer_within_s: float) -> Arrival:
    """The NSPS role while the sender waits: it owns the retries, and nobody else is told."""
    return Arrival(
        event=event,
        routed=routing.taken,
        key=nsps_key(event),
        replace_body=True,
        policy_off=True,
        hinted=False,
        look_at=event.received_at + timedelta(seconds=answer_within_s + ORPHANED_AFTER_S),
    )
