"""oauth2_client_credentials: RFC 6749 §4.4."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote_plus

from engine.auth import OAuth2Auth
from engine.auths.basic import credentials
from engine.auths.laying import laid_over
from engine.connector import Connector
from engine.request import HttpRequest, Reply
from engine.sessions import Ask, Held, Renewal, lasting

# RFC 6749 §5.2: our credentials or our request are wrong, and stay so however often they are sent.
_REFUSALS = frozenset(
    {
        "invalid_client",
        "unauthorized_client",
        "invalid_grant",
        "invalid_scope",
        "invalid_request",
        "unsupported_grant_type",
    }
)


class ClientCredentials:
    """Its session is the access token; one that is turned down (401) or nearly over is asked for anew."""

    def __init__(self, auth: OAuth2Auth, connector: Connector) -> None:
        self._auth = auth

    def apply(self, request: HttpRequest, held: Held, scope: Mapping[str, Any], /) -> HttpRequest:
        """The request with the access token (RFC 6750 §2.1)."""
        return laid_over(request, [("Authorization", f"Bearer {held.values['access_token']}")])

    def expired(self, reply: Reply, scope: Mapping[str, Any], /) -> bool:
        """RFC 6750 §3.1: an expired or revoked token is answered with 401."""
        return reply.status == 401

    async def renew(self, held: Held | None, ask: Ask, now: datetime, /) -> Renewal:
        """A new access token; there is no refresh token in this grant (§4.4.3)."""
        reply = await ask.request(self._token_request())
        body = reply.body if isinstance(reply.body, Mapping) else {}
        if reply.status == 200 and reply.error is None:
            return _issued(body, now)
        error = str(body.get("error") or reply.detail or f"HTTP {reply.status}")
        said = body.get("error_description")
        reason = f"{self._auth.token_url} gave no token: {error}" + (f" ({said})" if said else "")
        return Renewal(refused=error in _REFUSALS, reason=reason)

    def _token_request(self) -> HttpRequest:
        auth = self._auth
        form = [("grant_type", "client_credentials")]
        if auth.scope:
            form.append(("scope", auth.scope))
        headers = [("Accept", "application/json")]
        if auth.send == "body":
            form += [("client_id", auth.client_id), ("client_secret", auth.client_secret)]
        else:  # §2.3.1: both form-encoded first
            pair = credentials(quote_plus(auth.client_id), quote_plus(auth.client_secret))
            headers.append(("Authorization", f"Basic {pair}"))
        return HttpRequest(
            method="POST", path="", headers=tuple(headers), body="form", content=form, base_url=auth.token_url
        )


def _issued(body: Mapping[str, Any], now: datetime) -> Renewal:
    token, kind = body.get("access_token"), str(body.get("token_type", "bearer"))
    if not isinstance(token, str) or not token:
        return Renewal(reason="the token endpoint answered without an access_token")
    if kind.lower() != "bearer":
        return Renewal(reason=f"the token endpoint gave a token of type {kind}, which is not bearer")
    return Renewal(held=lasting(Held(values={"access_token": token}), now, _end(body.get("expires_in"), now)))


def _end(expires_in: Any, now: datetime) -> datetime | None:
    try:
        return now + timedelta(seconds=min(float(expires_in), 366 * 86400.0))
    except (TypeError, ValueError):  # not said
        return None
