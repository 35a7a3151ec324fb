"""The connector role: PortaOne's NSPS posts enriched envelopes here, and may wait for what becomes of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from engine.errors import EventRefused
from engine.event import Event, EventSource
from engine.receiving.answers import Answer, accepted, refused
from engine.receiving.arrival import accepted_arrival, processed_arrival
from engine.receiving.credentials import Headers, NspsCredentials
from engine.receiving.nsps_body import read_nsps
from engine.receiving.processed import Processed
from engine.receiving.reading import Posted
from engine.receiving.reception import Reception
from engine.settings import NspsReceiver


class NspsRole:
    """Takes envelopes. `processed` None: answered as soon as they are stored. `mask` hides secrets in what is answered."""

    source: EventSource = "nsps"

    def __init__(
        self, settings: NspsReceiver, reception: Reception, processed: Processed | None, mask: Callable[[str], str]
    ) -> None:
        self.max_body_bytes = settings.max_body_bytes
        self._credentials = NspsCredentials(settings.auth)
        self._answer_within_s = settings.answer_within_s
        self._reception = reception
        self._processed = processed
        self._mask = mask

    def knows(self, headers: Headers, /) -> bool:
        """Whether it bears the API token."""
        return self._credentials.accept(headers)

    def stranger(self) -> EventRefused:
        """401, as documented."""
        return EventRefused(401, "Unauthorized")

    async def take(self, request: Posted, /) -> Answer:
        """202 or the documented error body. Raises EventRefused, StoreUnavailable."""
        event = read_nsps(request.body, self._reception.stamp(request.headers))
        if self._processed is not None:
            # Its own task: a sender that hangs up does not stop what has begun.
            return await asyncio.shield(asyncio.ensure_future(self._process(event, self._processed)))
        routing = self._reception.route(event)
        await self._reception.take_in(accepted_arrival(event, routing))
        return accepted("Event accepted for processing")

    async def _process(self, event: Event, processed: Processed) -> Answer:
        routing = self._reception.route(event)
        arrival = processed_arrival(event, routing, self._answer_within_s)
        stored = await self._reception.take_in(arrival)
        answer = await processed.answer(event, stored.standing, routing)
        said = {name: self._mask(text) if isinstance(text, str) else text for name, text in answer.body.items()}
        return replace(answer, body=said)

    def refuse(self, status: int, reason: str, /) -> Answer:
        """The documented error body of this status (domain.md 5.2)."""
        answer = refused(status, reason)
        return replace(answer, headers=((b"allow", b"POST"),)) if status == 405 else answer
