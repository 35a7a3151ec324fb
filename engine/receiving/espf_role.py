"""The ESPF receiver: PortaBilling posts its events here."""

from __future__ import annotations

from typing import Literal

from engine.errors import EventRefused
from engine.event import EventSource
from engine.receiving.answers import Answer
from engine.receiving.arrival import espf_arrival
from engine.receiving.credentials import EspfCredentials, Headers
from engine.receiving.espf_body import read_espf
from engine.receiving.reading import Posted
from engine.receiving.reception import Reception
from engine.settings import EspfReceiver

AGAIN_S = 5


class EspfRole:
    """Takes events from ESPF."""

    source: EventSource = "espf"

    def __init__(self, settings: EspfReceiver, reception: Reception) -> None:
        self.max_body_bytes = settings.max_body_bytes
        self._credentials = EspfCredentials(settings.auth)
        self._wrong_credentials: Literal[401, 503] = settings.wrong_credentials
        self._reception = reception

    def knows(self, headers: Headers, /) -> bool:
        """Whether the credentials are ESPF's."""
        return self._credentials.accept(headers)

    def stranger(self) -> EventRefused:
        """401, or 503 where the settings want ESPF to try again."""
        return EventRefused(self._wrong_credentials, "wrong credentials")

    async def take(self, request: Posted, /) -> Answer:
        """200 once the event is stored, or known already. Raises EventRefused, StoreUnavailable."""
        event = read_espf(request.body, self._reception.stamp(request.headers))
        routing = self._reception.route(event)
        stored = await self._reception.take_in(espf_arrival(event, routing))
        return Answer(
            status=200,
            body={
                "event_id": stored.event_id,
                "repeat": not stored.new,
                "pipelines": [one.pipeline for one in routing.taken],
            },
        )

    def refuse(self, status: int, reason: str, /) -> Answer:
        """The status and why; 503 says when to come again."""
        return plain_refusal(status, reason)


def plain_refusal(status: int, reason: str) -> Answer:
    """The status and why, in no sender's particular words."""
    told = {401: (b"www-authenticate", b'Basic realm="nsps", charset="UTF-8"'), 405: (b"allow", b"POST")}
    return Answer(
        status=status,
        body={"error": reason},
        headers=(told[status],) if status in told else (),
        retry_after_s=AGAIN_S if status == 503 else None,
    )
