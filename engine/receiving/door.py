"""One receiver's way in, over HTTP: bounds, body, and an answer whatever happens. What it takes is its role's affair."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import orjson
import structlog

from engine.errors import EventRefused, StoreUnavailable
from engine.event import EventSource
from engine.receiving.answers import Answer
from engine.receiving.credentials import Headers, only
from engine.receiving.reading import BodyTooLarge, BodyTooSlow, Posted, Receive, SenderGone, posted, read_body
from engine.receiving.reception import Reception
from engine.receiving.strict_json import NotJson

SendMessage = Callable[[Mapping[str, Any]], Awaitable[None]]

LONGEST_CODING = 40

log = structlog.get_logger("nsps.receive")


class Role(Protocol):
    """What one receiver takes, and how it words its answers."""

    source: EventSource
    max_body_bytes: int

    def knows(self, headers: Headers, /) -> bool:
        """Whether the credentials are those of a sender."""

    def stranger(self) -> EventRefused:
        """What a sender that is not known is told."""

    async def take(self, request: Posted, /) -> Answer:
        """The answer to a whole request of a known sender. Raises EventRefused, StoreUnavailable."""

    def refuse(self, status: int, reason: str, /) -> Answer:
        """A refusal in this sender's words."""


class Door:
    """An ASGI application for one path. Strangers have little room, and none of the senders': they cannot crowd them out."""

    def __init__(self, reception: Reception, role: Role) -> None:
        self._reception = reception
        self._role = role
        self._inside = {True: 0, False: 0}

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: SendMessage) -> None:
        """Answers one request."""
        known = self._role.knows(scope["headers"])
        inside = self._inside[known]
        if inside >= (self._reception.at_once if known else self._reception.strangers_at_once):
            answer = self._role.refuse(503, f"{inside} requests are being answered already; come again")
            return await respond(send, answer, close=True)
        self._inside[known] += 1
        try:
            answer, close = await self._answer(scope, receive, known)
        except SenderGone:
            return None
        finally:
            self._inside[known] -= 1
        await respond(send, answer, close)

    async def _answer(self, scope: Mapping[str, Any], receive: Receive, known: bool) -> tuple[Answer, bool]:
        """The answer, and whether the connection closes after it."""
        if scope["method"] != "POST":
            return await self._refused(posted(scope), EventRefused(405, "only POST is answered here")), True
        try:
            body = await read_body(scope, receive, self._role.max_body_bytes, self._reception.body_within_s)
        except BodyTooSlow as slow:
            return self._role.refuse(503, str(slow)), True
        except BodyTooLarge as large:
            return await self._refused(posted(scope, large.beginning), large), True
        if not known:
            return await self._refused(posted(scope, body), self._role.stranger()), False
        return await self._take(posted(scope, body)), False

    async def _take(self, request: Posted) -> Answer:
        try:
            return await self._role.take(request)
        except NotJson as refusal:
            return await self._refused(request, _with_its_coding(refusal, request.headers))
        except EventRefused as refusal:
            return await self._refused(request, refusal)
        except StoreUnavailable as error:
            log.warning("an event could not be stored; its sender is told to come again", why=str(error))
            return self._role.refuse(503, "the store is not available; come again")

    async def _refused(self, request: Posted, refusal: EventRefused) -> Answer:
        """The refusal, once it is kept; 503 when it cannot be, for then nothing would remember what was refused."""
        try:
            await self._reception.refusals.keep(self._role.source, request, refusal.status, refusal.reason)
        except StoreUnavailable:
            return self._role.refuse(503, "the store is not available; come again")
        return self._role.refuse(refusal.status, refusal.reason)


def _with_its_coding(refusal: NotJson, headers: Headers) -> EventRefused:
    """What was compressed is no JSON for that reason. ESPF compresses nothing; a proxy or a script may."""
    coding = only(headers, b"content-encoding").decode("latin-1").strip()
    if coding.lower() in ("", "identity"):
        return refusal
    reason = (
        f"the body is not JSON: Content-Encoding {coding[:LONGEST_CODING]!r} is not read here; send the body as it is"
    )
    return EventRefused(refusal.status, reason)


class ClosedDoor:
    """A receiver that is off: 503 and why, so that nothing is lost until it is on."""

    def __init__(self, role: str, off: str) -> None:
        self._answer = Answer(status=503, body={"error": f"receive.{role} is off: {off}"}, retry_after_s=60)

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: SendMessage) -> None:
        """Answers one request."""
        await respond(send, self._answer, close=True)


async def respond(send: SendMessage, answer: Answer, close: bool = False) -> None:
    """Sends the answer as JSON."""
    body = orjson.dumps(answer.body)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *answer.headers]
    if answer.retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % answer.retry_after_s))
    if close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
