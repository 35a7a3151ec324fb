"""What is not taken: counted always, kept for inspection within the store's bounds, and told to the operator.

ESPF drops for good what is answered 4xx, so every such answer must be findable: `nsps refused` lists them, and one can be
admitted after all.
"""

from __future__ import annotations

from engine.clock import Clock
from engine.event import EventSource
from engine.receiving.reading import Posted
from engine.receiving.telling import Telling, kind_of_reason
from engine.storage.protocol import Intake, Refusal

LONGEST_HEADER = 200
MOST_HEADERS = 40

# Headers whose values may be kept: none of them carries a credential. Of others only the name is.
PLAIN_HEADERS = frozenset(
    b"accept content-length content-type content-encoding date expect host transfer-encoding user-agent via "
    b"x-b3-traceid x-b3-spanid x-forwarded-for x-forwarded-proto x-real-ip x-request-id".split()
)


class Refusals:
    """Keeps refusals, and tells of them."""

    def __init__(self, store: Intake, clock: Clock, telling: Telling) -> None:
        self._store = store
        self._clock = clock
        self._telling = telling

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

    def tell_the_rest(self) -> None:
        """Tells what is held back for the end of its minute: the process stops."""
        self._telling.flush()

    def _tell(self, source: EventSource, posted: Posted, status: int, reason: str) -> None:
        kind = f"{source} {status} {kind_of_reason(reason)}"
        self._telling.tell(kind, _warning(source, status), why=reason, sender=posted.sender, path=posted.path)


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
