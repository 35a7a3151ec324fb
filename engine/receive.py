"""Step 1: authenticate, check, hand to the store, answer.

ESPF is answered exactly 200, and only after the commit; 503 for whatever time may cure (no store, too many at once, a body that
drips); 4xx for what can never be taken, for ESPF drops that for good (domain.md 1.4). Enqueueing comes after the commit and never
delays the answer. What each sender may post and how it is answered is told in `receiving/`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from engine.errors import StoreUnavailable
from engine.receiving.door import ClosedDoor, Door, SendMessage, respond
from engine.receiving.espf_role import EspfRole, plain_refusal
from engine.receiving.nsps_role import NspsRole
from engine.receiving.processed import Processed
from engine.receiving.reading import Receive, posted
from engine.receiving.reception import Reception
from engine.settings import Receive as ReceiveSettings

Way = Callable[[Mapping[str, Any], Receive, SendMessage], Awaitable[None]]
Status = Callable[[], Mapping[str, Any]]


class Receiver:
    """The ASGI application. `status` is what /ready tells beside the store: the queue, what is off, what is paused."""

    def __init__(self, reception: Reception, doors: Mapping[str, Way], status: Status) -> None:
        self._reception = reception
        self._doors = doors
        self._status = status
        self._rest = Starlette(routes=[Route("/health", self._health), Route("/ready", self._ready)])

    def receive_at(self, doors: Mapping[str, Way]) -> None:
        """Receives at these from now on; requests that are inside the others are answered there."""
        self._doors = doors

    def close(self) -> None:
        """Nothing is received any more: tells what was still to be told of refusals."""
        self._reception.refusals.tell_the_rest()

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: SendMessage) -> None:
        """The hot path goes straight to its door; Starlette routes the rest."""
        if scope["type"] != "http":
            return await self._rest(scope, receive, send)  # type: ignore[arg-type]
        door = self._doors.get(scope["path"])
        if door is not None:
            return await door(scope, receive, send)
        if scope["method"] == "POST":
            return await self._nobody_here(scope, send)
        await self._rest(scope, receive, send)  # type: ignore[arg-type]

    async def _health(self, _: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def _ready(self, _: Request) -> Response:
        try:
            await self._reception.store.ready()
        except StoreUnavailable as error:
            return JSONResponse({"status": "not ready", "store": str(error), **self._status()}, status_code=503)
        return JSONResponse({"status": "ready", "store": "ok", **self._status()})

    async def _nobody_here(self, scope: Mapping[str, Any], send: SendMessage) -> None:
        """404 to a post, kept: a sender with a wrong URL loses every event, and should be found."""
        paths = ", ".join(sorted(self._doors)) or "none"
        reason = f"nothing is received at {scope['path'][:200]}; receivers: {paths}"
        try:
            await self._reception.refusals.keep("espf", posted(scope), 404, reason)
        except StoreUnavailable:
            return await respond(send, plain_refusal(503, reason), close=True)
        await respond(send, plain_refusal(404, reason), close=True)


def doors_of(
    settings: ReceiveSettings, reception: Reception, processed: Processed | None, mask: Callable[[str], str]
) -> dict[str, Way]:
    """The receivers that nsps.yaml names, by path; one that is off answers 503 and says why."""
    doors: dict[str, Way] = {}
    if (espf := settings.espf) is not None:
        doors[espf.path] = ClosedDoor("espf", espf.off) if espf.off else Door(reception, EspfRole(espf, reception))
    if (nsps := settings.nsps) is not None:
        role = NspsRole(nsps, reception, processed if nsps.answer == "processed" else None, mask)
        doors[nsps.path] = ClosedDoor("nsps", nsps.off) if nsps.off else Door(reception, role)
    return doors
