"""Faults on command: statuses, delays, hangs, HTML, lost answers, cut bodies, dropped connections."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

Kind = Literal["pass", "status", "hang", "garbage", "drop", "lose", "truncate"]
KINDS: tuple[str, ...] = get_args(Kind)
CONNECTION = "nsps.connection"  # the scope extension that ends the connection; `serving` provides it
HTML = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What happens to one request.

    `pass`: answered as always. `status`: answered `status` with `body`, nothing done. `hang`: no answer until the client gives
    up. `garbage`: HTTP 200 with HTML. `drop`: the connection is cut, nothing done. `lose`: done, but the connection is cut in
    place of the answer. `truncate`: done, but the answer's body ends half way. `delay_s` goes before any of them.
    """

    kind: Kind = "pass"
    status: int = 503
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0


def fault(said: Any) -> Fault:
    """The fault that JSON says: `503`, `"hang"`, or `{kind, status, body, headers, delay_s}`. Raises ValueError."""
    match said:
        case bool():
            raise ValueError(f"{said!r} is no fault: say a status, one of {', '.join(KINDS)}, or an object")
        case int():
            said = {"status": said}
        case str():
            said = {"kind": said}
    try:
        made = Fault(**{"kind": "status", **said} if "status" in said else said)
    except TypeError as error:
        raise ValueError(f"{said!r} is no fault: it has kind, status, body, headers and delay_s") from error
    if made.kind not in KINDS:
        raise ValueError(f"{made.kind!r} is no kind of fault: say one of {', '.join(KINDS)}")
    return made


class Faults:
    """The faults that the next requests meet, first come first served; then `always`, if set, for all that follow.

    `paths` narrows it to requests whose path ends in one of them, so that a login still works while a method fails.
    """

    def __init__(self, *paths: str) -> None:
        self.paths = paths
        self.next: deque[Fault] = deque()
        self.always: Fault | None = None
        self.cleared = asyncio.Event()
        self.hanging = 0  # requests that hang now

    def then(self, *said: Any) -> None:
        """The next requests meet these, one each."""
        self.next.extend(fault(one) for one in said)

    def until_cleared(self, said: Any) -> None:
        """Every request meets this until `clear`."""
        self.always = fault(said)

    def clear(self) -> None:
        """From now on requests are answered as always; those that hang are cut."""
        self.next.clear()
        self.always = None
        self.cleared.set()
        self.cleared = asyncio.Event()

    def take(self, path: str) -> Fault:
        """The fault for one request to `path`."""
        if self.paths and not path.endswith(self.paths):
            return Fault()
        return self.next.popleft() if self.next else self.always or Fault()


class Faulty:
    """An ASGI application that meets its requests with `faults` before `app` does."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self.app = app
        self.faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/control/"):
            return await self.app(scope, receive, send)
        now = self.faults.take(scope["path"])
        await asyncio.sleep(now.delay_s)
        match now.kind:
            case "pass":
                await self.app(scope, receive, send)
            case "status":
                await _answer(send, now.status, b"" if now.body is None else orjson.dumps(now.body), now.headers)
            case "garbage":
                await _answer(send, 200, HTML, {"content-type": "text/html"})
            case "truncate":
                await self._truncate(scope, receive, send)
            case "lose":
                await self.app(scope, receive, _nowhere)
                await _end(scope, receive, "abort")
            case "drop":
                await _end(scope, receive, "abort")
            case "hang":
                await self._hang(scope, receive)
        return None

    async def _hang(self, scope: Scope, receive: Receive) -> None:
        """Answers nothing until the client gives up or the faults are cleared."""
        gone = asyncio.create_task(_gone(receive))
        cleared = asyncio.create_task(self.faults.cleared.wait())
        self.faults.hanging += 1
        await asyncio.wait([gone, cleared], return_when=asyncio.FIRST_COMPLETED)
        self.faults.hanging -= 1
        cleared.cancel()
        if not gone.done():
            gone.cancel()
            await _end(scope, receive, "abort")

    async def _truncate(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Announces the whole length, sends half the body, ends the connection."""

        async def half(message: Message) -> None:
            if message["type"] == "http.response.body":
                body = message.get("body", b"")
                message = {**message, "body": body[: len(body) // 2], "more_body": True}
            await send(message)

        await self.app(scope, receive, half)
        await _end(scope, receive, "close")


async def _answer(send: Send, status: int, body: bytes, headers: Mapping[str, str]) -> None:
    lines = {"content-type": "application/json", "content-length": str(len(body)), **headers}
    encoded = [(name.lower().encode(), value.encode()) for name, value in lines.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})


async def _nowhere(message: Message) -> None:
    """The answer nobody gets."""


async def _end(scope: Scope, receive: Receive, how: str) -> None:
    """Ends the connection: `abort` at once, `close` when all is sent."""
    connection = (scope.get("extensions") or {}).get(CONNECTION)
    if connection is None:
        raise ConnectionResetError("the connection is dropped on command")
    connection[how]()
    await _gone(receive)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
