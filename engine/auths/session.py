"""session: operations of the connector log in and refresh; what they result in is `session`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from engine.auth import SessionAuth
from engine.auths.laying import Pairs, laid_over
from engine.connector import Connector
from engine.cookies import Jar, header_of
from engine.errors import OursFailed
from engine.expressions.kinds import holds
from engine.expressions.template import Omit
from engine.request import HttpRequest, Reply
from engine.scalar import scalar_text
from engine.sessions import Ask, Held, Renewal, lasting
from engine.verdict import Verdict

_AN_INSTANT = 1e9  # a number from here on is seconds since 1970, below it seconds from now: nobody logs in for 31 years


class LogsIn:
    """Logs in by operations; lays `apply` and the login's cookies over every other request."""

    def __init__(self, auth: SessionAuth, connector: Connector) -> None:
        self._auth = auth
        self._config = connector.config

    def apply(self, request: HttpRequest, held: Held, scope: Mapping[str, Any], /) -> HttpRequest:
        """The request with `apply` and the session's cookies. Raises OursFailed for a name the session lacks."""
        seen = {**scope, "session": held.values}
        rendered = ((name, value.render(seen)) for name, value in self._auth.apply.headers.items())
        headers = [(name, value) for name, value in rendered if not isinstance(value, Omit)]
        return with_cookies(laid_over(request, headers, self._query(seen)), held.cookies)

    def _query(self, scope: Mapping[str, Any]) -> Pairs:
        template = self._auth.apply.query
        values = template.render(scope) if template is not None else None
        if template is None or not isinstance(values, Mapping):
            return []
        pairs = []
        for name, value in values.items():
            for one in value if isinstance(value, list) else (value,):
                text = scalar_text(one)
                if text is None:
                    raise OursFailed(f"`apply.query.{name}` is no text", template.place)
                pairs.append((name, text))
        return pairs

    def expired(self, reply: Reply, scope: Mapping[str, Any], /) -> bool:
        """Whether `expired_when` holds; one that fails on this reply does not: the verdicts then have their say."""
        if self._auth.expired_when is None:
            return False
        seen = {
            "status": reply.status,
            "headers": reply.headers,
            "body": reply.body,
            "text": reply.text,
            "error": reply.error,
            "args": scope.get("args", {}),
            "config": self._config,
        }
        try:
            return holds(self._auth.expired_when.evaluate(seen))
        except OursFailed:
            return False

    async def renew(self, held: Held | None, ask: Ask, now: datetime, /) -> Renewal:
        """By `refresh`; by `login` where there is none, nothing to refresh, or it does not end `ok`."""
        if held is not None and self._auth.refresh:
            verdict, cookies = await ask.operation(self._auth.refresh, held)
            if verdict.kind == "ok" and isinstance(verdict.result, Mapping):
                new = {name: value for name, value in verdict.result.items() if value is not None}
                return self._begun({**held.values, **new}, cookies, now)
        verdict, cookies = await ask.operation(self._auth.login, Held())
        if verdict.kind == "ok" and isinstance(verdict.result, Mapping):
            return self._begun(verdict.result, cookies, now)
        return Renewal(refused=verdict.kind == "fail", reason=_why(self._auth.login, verdict))

    def _begun(self, values: Mapping[str, Any], cookies: Jar, now: datetime) -> Renewal:
        return Renewal(held=lasting(Held(values=values, cookies=cookies), now, self._end(values, now)))

    def _end(self, values: Mapping[str, Any], now: datetime) -> datetime | None:
        if self._auth.expires is None:
            return None
        found = self._auth.expires.evaluate({"session": values, "config": self._config, "args": {}})
        try:
            return _instant(found, now)
        except (TypeError, ValueError, OverflowError) as error:
            wrong = f"`expires` is {found!r}, which is neither an instant nor seconds from now"
            raise OursFailed(wrong, self._auth.expires.place) from error


def _why(login: str, verdict: Verdict) -> str:
    if verdict.kind == "ok":
        return f"{login} did not result in an object"
    return verdict.reason or f"{login} ended {verdict.kind}"


def _instant(found: Any, now: datetime) -> datetime | None:
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, (str, int, float)):
        raise TypeError("neither text nor a number")
    if isinstance(found, str) and not found.strip().replace(".", "", 1).isdecimal():
        instant = datetime.fromisoformat(found.strip())
        return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    seconds = float(found)
    return datetime.fromtimestamp(seconds, UTC) if seconds >= _AN_INSTANT else now + timedelta(seconds=seconds)


def with_cookies(request: HttpRequest, cookies: Jar) -> HttpRequest:
    """The request with these cookies in place of its own."""
    return laid_over(request, [("Cookie", header_of(cookies))]) if cookies else request
