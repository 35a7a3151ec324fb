"""The only way out: cache and single flight > permits > auth > transport, each connector for itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from typing import Self
from urllib.parse import quote_plus

from engine.auth import BasicAuth, OAuth2Auth
from engine.auths.basic import credentials
from engine.cache import Cache
from engine.catalog import Catalog
from engine.clock import Clock
from engine.connector import Connector
from engine.door import Carry, Door, OnHold, Outside
from engine.masking import Masker
from engine.permits import MemoryPermits, Permits
from engine.request import Call, HttpRequest, Reply
from engine.userinfo import userinfo


class Exchange:
    """The production `send`. Scripts, examples and recorded replies replace the carrying only (`carry`).

    With `carry` come `cached=False, limited=False`; OAuth token requests are then answered by an example, unless
    `live_tokens`. `on_hold` is told when a login was refused.
    """

    def __init__(  # noqa: PLR0913 - each differs between worker, tests, dry-run and diff
        self,
        catalog: Catalog,
        clock: Clock,
        masker: Masker,
        carry: Carry | None = None,
        *,
        cached: bool = True,
        limited: bool = True,
        permits: Permits | None = None,
        on_hold: OnHold | None = None,
        live_tokens: bool | None = None,
    ) -> None:
        live = carry is None if live_tokens is None else live_tokens
        self._outside = Outside(
            clock=clock,
            masker=masker,
            project=catalog.project,
            carry=carry,
            token=None if live else self._example_token,
            on_hold=on_hold,
        )
        self._clock = clock
        self._cache = Cache(clock) if cached else None
        self._permits = (permits or MemoryPermits(clock)) if limited else None
        self._doors = _doors(catalog, self._outside, {})
        masker.learn(*catalog.secrets, *_derived(catalog))

    async def send(self, call: Call, /) -> Reply:
        """The reply to one call. A fault of the world is a Reply.

        Raises Wait (limit, breaker, no session, held connector) and OursFailed (the request cannot be built).
        """
        if self._cache is None or call.cache_s <= 0:
            return await self._permitted(call)
        # What makes two calls the same question: all that a request is made of beside the configuration, and the session.
        identity = self._doors[call.connector].connector.identity
        key = (call.connector, identity, call.operation, call.arguments_sha, call.idempotency_key)
        return await self._cache.serve(key, call.not_before, call.cache_s, lambda: self._permitted(call))

    async def _permitted(self, call: Call) -> Reply:
        door = self._doors[call.connector]
        if self._permits is None:
            return await door.send(call)
        permit, reply = await self._permits.take(door.connector), None
        try:
            reply = await door.send(call)
        finally:
            await self._permits.give(permit, reply)
        return reply

    async def over_wire(self, call: Call, request: HttpRequest, /) -> Reply:
        """The carrying that `carry` replaces: for one that lets some calls through."""
        return await self._doors[call.connector].over_wire(call, request)

    async def _example_token(self, call: Call, request: HttpRequest) -> Reply:
        body = {"access_token": "example-token", "token_type": "bearer"}
        return Reply(status=200, body=body, asked_at=self._clock.now(), source="example")

    def hold(self, connector: str, reason: str) -> None:
        """Nothing goes to this connector from now on: its calls raise Wait with this reason."""
        self._doors[connector].hold(reason)

    def release(self, connector: str) -> None:
        """Calls of the connector go out again, after a new login where one was refused."""
        self._doors[connector].release()

    def over(self, catalog: Catalog) -> Self:
        """The exchange of another configuration. Connectors that are the same keep their door: session, connections, hold.

        Cache and permits are shared. This one goes on for the calls that began with it.
        """
        other = copy(self)
        other._doors = _doors(catalog, self._outside, self._doors)
        self._outside.masker.learn(*catalog.secrets, *_derived(catalog))
        return other

    async def close(self, but: Iterable[Exchange] = ()) -> None:
        """Closes all connections, but those these others use; calls under way end as `lost`."""
        kept = {id(door) for other in but for door in other._doors.values()}
        for door in self._doors.values():
            if id(door) not in kept:
                await door.close()


def _doors(catalog: Catalog, outside: Outside, before: Mapping[str, Door]) -> Mapping[str, Door]:
    return {
        name: door
        if (door := before.get(name)) and door.connector.identity == connector.identity
        else Door(catalog, connector, outside)
        for name, connector in catalog.connectors.items()
    }


def _derived(catalog: Catalog) -> list[str]:
    """Secrets in the form in which they leave: a part of that form would not be found by searching for the secret."""
    return [pair for connector in catalog.connectors.values() for pair in _pairs(connector)]


def _pairs(connector: Connector) -> Iterator[str]:
    """Every `user:password` of a connector as Basic sends it (RFC 7617 §2)."""
    auth = connector.auth
    if isinstance(auth, BasicAuth):
        yield credentials(auth.user, auth.password)
    if isinstance(auth, OAuth2Auth):  # RFC 6749 §2.3.1: both form-encoded first
        yield credentials(quote_plus(auth.client_id), quote_plus(auth.client_secret))
    token_url = auth.token_url if isinstance(auth, OAuth2Auth) else ""
    for url in (connector.base_url, connector.proxy or "", token_url):
        if (pair := userinfo(url)) is not None:
            yield credentials(*pair)
