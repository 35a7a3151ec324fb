"""What is not taken: counted always, kept for inspection within the store's bounds, and told to the operator.

ESPF drops for good what is answered 4xx, so every such answer must be findable: `nsps refused` lists them, and one can be
admitted after all.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from engine.clock import Clock
from engine.event import EventSource
from engine.receiving.reading import Posted
from engine.storage.protocol import Intake, Refusal

TELL_EVERY_S = 60.0
LONGEST_HEADER = 200
MOST_HEADERS = 40

# Headers whose values may be kept: none of them carries a credential. Of others only the name is.
PLAIN_HEADERS = frozenset(
    b"accept content-length content-type content-encoding date expect host transfer-encoding user-agent via "
    b"x-b3-traceid x-b3-spanid x-forwarded-for x-forwarded-proto x-real-ip x-request-id".split()
)

log = structlog.get_logger("nsps.receive")


class Refusals:
    """Keeps refusals. Warnings that repeat are told once a minute, with how many there were."""

    def __init__(self, store: Intake, clock: Clock, monotonic: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._monotonic = monotonic
        self._told_at: dict[str, float] = {}
        self._untold: dict[str, int] = {}

    async def keep(self, source: EventSource, posted: Posted, status: int, reason: str) -> None:
        """Counts and keeps it. Raises StoreUnavailable: then it should be answered 503, for nothing would remember it."""
        self._tell(source, posted, status, reason)
        await self._store.refuse(
            Refusal(
                at=self._clock.now(),
                source=source,
                status=status,
                reason=reason,
                sender=posted.sender,
                headers=plain_headers(posted),
                body=posted.body,
            )
        )

    def _tell(self, source: EventSource, posted: Posted, status: int, reason: str) -> None:
        topic = f"{source} {status}"
        untold = self._untold.get(topic, 0) + 1
        self._untold[topic] = untold
        told_at = self._told_at.get(topic)
        if told_at is not None and self._monotonic() - told_at < TELL_EVERY_S:
            return
        self._told_at[topic], self._untold[topic] = self._monotonic(), 0
        log.warning(_warning(source, status), why=reason, sender=posted.sender, path=posted.path, times=untold)


def plain_headers(posted: Posted) -> dict[str, str]:
    """The headers as they may be kept: without credentials, bounded."""
    kept = {}
    for name, value in posted.headers[:MOST_HEADERS]:
        shown = value.decode("latin-1")[:LONGEST_HEADER] if name in PLAIN_HEADERS else "(not kept)"
        kept[name.decode("latin-1")[:LONGEST_HEADER]] = shown
    return kept


def _warning(source: EventSource, status: int) -> str:
    if status in (401, 503):
        names = "ESPF_USER and ESPF_PASSWORD" if source == "espf" else "API_TOKEN"
        return f"every event of this sender is being refused: wrong credentials. Compare its settings with {names}"
    if status in (404, 405):
        return "a post was refused: no receiver is there. Compare the sender's URL with `receive` in nsps.yaml"
    return "an event was refused and will not come again; nsps refused shows it"
