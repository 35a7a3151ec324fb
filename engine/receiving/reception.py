"""What every receiver needs: the store, ids, time, where events go, and whom to tell of new deliveries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import structlog

from engine.clock import Clock
from engine.delivery import Routing
from engine.event import Event
from engine.ids import b3_trace_id, trace_of
from engine.receiving.credentials import only
from engine.receiving.espf_body import Stamp
from engine.receiving.reading import BODY_WITHIN_S
from engine.receiving.refusing import Refusals
from engine.storage.protocol import Accepted, Arrival, Intake

STRANGERS_AT_ONCE = 32  # requests with wrong credentials inside one receiver
AT_ONCE = 256  # requests inside one receiver, beyond which the sender is told to come again

log = structlog.get_logger("nsps.receive")


class ReceiveStore(Intake, Protocol):
    """What receivers ask of the store."""

    async def ready(self) -> None:
        """Returns when the store answers. Raises StoreUnavailable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reception:
    """Shared by the receivers of a process. `put` leaves ids to the queue and never waits."""

    store: ReceiveStore
    refusals: Refusals
    clock: Clock
    new_id: Callable[[datetime], str]
    route: Callable[[Event], Routing]
    put: Callable[[str, Sequence[int]], None]
    body_within_s: float = BODY_WITHIN_S
    at_once: int = AT_ONCE
    strangers_at_once: int = STRANGERS_AT_ONCE

    def stamp(self, headers: Sequence[tuple[bytes, bytes]]) -> Stamp:
        """Id, time and trace of an event that just came. The trace id is the sender's where it gave one."""
        now = self.clock.now()
        event_id = self.new_id(now)
        trace_id = b3_trace_id(only(headers, b"x-b3-traceid")) or trace_of(event_id)
        return Stamp(event_id=event_id, received_at=now, trace_id=trace_id)

    async def take_in(self, arrival: Arrival) -> Accepted:
        """Stores it; after the commit, leaves its deliveries to the queue. Raises StoreUnavailable."""
        accepted = await self.store.accept(arrival)
        if accepted.same_id_as:
            tell_same_id(arrival.event, accepted.same_id_as)
        if accepted.delivery_ids and arrival.hinted:
            waiting = (one.pipeline for one in arrival.routed if one.failed is None)
            for pipeline, delivery_id in zip(waiting, accepted.delivery_ids, strict=True):
                self.put(pipeline, (delivery_id,))
        return accepted


def tell_same_id(event: Event, same_id_as: str) -> None:
    """Warns: either the sender reuses its ids, or two senders are not told apart."""
    log.warning(
        "the same i_event came with other content: it is delivered as another event",
        event_id=event.id,
        same_id_as=same_id_as,
        i_event=event.i_event,
        i_env=event.i_env,
    )
