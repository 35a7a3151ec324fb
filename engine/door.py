"""One connector's way out: trace headers, auth, the carrying, and the session renewed when it is over."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from engine.auths import FIXED, SESSIONS
from engine.auths.laying import laid_over
from engine.catalog import Catalog
from engine.clock import Clock
from engine.connector import Connector
from engine.cookies import Jar, header_of, taken_in
from engine.errors import Wait
from engine.login import log_in
from engine.masking import Masker
from engine.request import Call, HttpRequest, Reply
from engine.sessions import HELD_S, NO_SESSION, Held, Renewal, SessionKeeper
from engine.transport import Transport
from engine.transports import TRANSPORTS
from engine.verdict import Verdict

Carry = Callable[[Call, HttpRequest], Awaitable[Reply]]
"""Takes a request that is complete to the other side, or plays the other side."""

OnHold = Callable[[str, str], Awaitable[None]]
"""Told connector and reason when a login was refused, so that the hold outlives this process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What every door shares. `carry` None: over the wire. `token`: how a reply to an OAuth token request comes about."""

    clock: Clock
    masker: Masker
    project: Path
    carry: Carry | None = None
    token: Carry | None = None
    on_hold: OnHold | None = None


# A request id must be unlike all others, not hard to guess: random per process, counted within.
_PROCESS = secrets.token_hex(8)
_REQUESTS = itertools.count(1)


class Door:
    """Everything that is kept for one connector; no other connector is touched by it."""

    def __init__(self, catalog: Catalog, connector: Connector, outside: Outside) -> None:
        self.connector = connector
        self._catalog = catalog
        self._outside = outside
        self._transport: Transport = TRANSPORTS[connector.transport](connector, outside.clock, outside.project)
        self._hold = ""
        self._trace_id = ""
        make = SESSIONS.get(connector.auth.kind)
        self._auth = make(connector.auth, connector) if make else None
        self._logins = catalog.logins(connector.name)
        self._keeper = SessionKeeper(connector.name, outside.clock, self._renew, self._refused)

    async def send(self, call: Call) -> Reply:
        """The reply, with a session that holds where the auth has one. Raises Wait, OursFailed."""
        if self._hold:
            raise Wait(self._outside.clock.now() + timedelta(seconds=HELD_S), self._hold)
        if self._auth is None:
            fixed = FIXED[self.connector.auth.kind]
            return await self._carried(call, fixed(self.connector.auth, call.render({})))
        if call.operation in self._logins:  # called by itself, as a connector's tests do: no session is laid over it
            return await self._carried(call, call.render({}))
        self._trace_id = call.trace_id
        held = await self._keeper.current()
        reply = await self._with(held, call)
        if not self._auth.expired(reply, call.scope):
            return self._accepted(held, reply)
        renewed = await self._keeper.after(held)
        if renewed is None:
            return reply
        again = await self._with(renewed, call)
        return again if self._auth.expired(again, call.scope) else self._accepted(renewed, again)

    async def _with(self, held: Held, call: Call) -> Reply:
        request = call.render(held.values)
        return await self._carried(call, request if self._auth is None else self._auth.apply(request, held, call.scope))

    def _accepted(self, held: Held, reply: Reply) -> Reply:
        if reply.error is None:
            cookies = taken_in(held.cookies, reply.headers.get("set-cookie"))
            self._keeper.accepted(held, cookies)
        return reply

    async def _carried(self, call: Call, request: HttpRequest) -> Reply:
        request = _traced(request, call)
        carry = self._outside.carry
        if carry is None:
            return await self.over_wire(call, request)
        sent = self._transport.describe(request)  # first: what cannot be built is not carried
        return (await carry(call, request)).to(sent)

    async def over_wire(self, call: Call, request: HttpRequest) -> Reply:
        """The reply of the connector's own system."""
        return await self._transport.exchange(request, call.reads, self.connector.timeout_s)

    # --- logging in ---------------------------------------------------------------------------------------------------

    async def _renew(self, held: Held | None) -> Renewal:
        if self._auth is None:
            return Renewal(held=NO_SESSION)
        renewal = await self._auth.renew(held, self, self._outside.clock.now())
        if renewal.held is not None:
            self._outside.masker.learn_session(self.connector.name, _secret_values(renewal.held))
        return replace(renewal, reason=self._outside.masker.text(renewal.reason))

    async def operation(self, name: str, held: Held, /) -> tuple[Verdict, Jar]:
        """See sessions.Ask: a login's or refresh's operation, with the cookies it was given on its way."""
        jar = held.cookies

        async def send(call: Call, /) -> Reply:
            nonlocal jar
            request = call.render(held.values)
            request = laid_over(request, [("Cookie", header_of(jar))]) if jar else request
            reply = await self._carried(call, request)
            jar = taken_in(jar, reply.headers.get("set-cookie"))
            return reply

        now = self._outside.clock.now()
        return await log_in(self._catalog, self.connector.name, name, send, now, self._trace_id), jar

    async def request(self, request: HttpRequest, /) -> Reply:
        """See sessions.Ask: a token request."""
        call = Call(
            connector=self.connector.name,
            operation="oauth2_token",
            step="auth/oauth2_token",
            render=lambda _: request,
            read_only=True,
            trace_id=self._trace_id,
        )
        carry = self._outside.token or self.over_wire
        return await carry(call, _traced(request, call))

    async def _refused(self, reason: str) -> None:
        self.hold(f"{self.connector.name} is held, its login was refused: {reason}")
        if self._outside.on_hold is not None:
            await self._outside.on_hold(self.connector.name, reason)

    def hold(self, reason: str) -> None:
        """Nothing goes out from now on: each call raises Wait with this reason."""
        self._hold = reason

    def release(self) -> None:
        """Calls go out again; the next one logs in where a login had been refused."""
        self._hold = ""
        self._keeper.forgive()

    async def close(self) -> None:
        """Closes the connections; calls under way end as `lost`."""
        await self._transport.close()


def _traced(request: HttpRequest, call: Call) -> HttpRequest:
    """With the event's trace id and a new request id, where the request does not bring its own."""
    new_id = ("x-request-id", f"{_PROCESS}{next(_REQUESTS):016x}")
    if not request.headers:
        return request.headed((("x-b3-traceid", call.trace_id), new_id) if call.trace_id else (new_id,))
    own = {name.lower() for name, _ in request.headers}
    headers = [("x-b3-traceid", call.trace_id)] if call.trace_id and "x-b3-traceid" not in own else []
    if "x-request-id" not in own:
        headers.append(new_id)
    return request.headed((*request.headers, *headers))


def _secret_values(held: Held) -> list[str]:
    """Texts of a session that could be used in its place: long and of one piece, and no instant."""
    found = [text for text in _texts(held.values) if len(text) >= 8 and " " not in text and not _is_instant(text)]
    return [*found, *(value for value in held.cookies.values() if len(value) >= 8)]


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for member in value.values() for text in _texts(member)]
    return [text for member in value for text in _texts(member)] if isinstance(value, list) else []


def _is_instant(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
