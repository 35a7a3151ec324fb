"""PortaBilling's sessions: login, refresh, expiry, and the lock after too many wrong logins (domain.md 2.2-2.3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from engine.clock import Clock

AUTH_FAILED = "Server.Session.auth_failed"
LOCKED = "Server.Session.cannot_login_brute_force_activity"
REFRESH_FAILED = "Server.Session.refresh_access_token.refresh_failed"
NO_AUTH = "Client.check_auth.envelope_missed"
UNREADABLE = "Client.Session.check_auth.failed_to_process_access_token"
EXPIRED = "Server.Session.check_auth.auth_failed"


class ApiFault(Exception):
    """What PortaBilling answers with HTTP 500: a fault code and a text."""

    def __init__(self, code: str, text: str) -> None:
        self.code = code
        self.text = text
        super().__init__(f"{code}: {text}")


@dataclass(slots=True, kw_only=True)
class Sessions:
    """One API user. A session lives `life_s`, or `idle_s` without a request; `lock_after` wrong logins lock for `lock_s`."""

    clock: Clock
    login: str = "nsps-api"
    token: str = "api-token"  # noqa: S105 - a simulator's
    password: str = "api-password"  # noqa: S105 - a simulator's
    life_s: float = 172800.0
    idle_s: float = 86400.0
    lock_after: int = 5
    lock_s: float = 300.0
    logins: int = 0
    refreshes: int = 0
    _wrong: int = 0
    _locked_until: datetime | None = None
    _numbers: int = 0
    _access: dict[str, datetime] = field(default_factory=dict)
    _used: dict[str, datetime] = field(default_factory=dict)
    _refresh: set[str] = field(default_factory=set)

    def log_in(self, params: dict[str, Any]) -> dict[str, Any]:
        """A new session for `login` with `token` or `password`. Raises ApiFault."""
        now = self.clock.now()
        if self._locked_until and now < self._locked_until:
            raise ApiFault(LOCKED, "too many wrong logins, try later")
        secret_ok = params.get("token") == self.token or params.get("password") == self.password
        if params.get("login") != self.login or not secret_ok:
            self._wrong += 1
            if self._wrong >= self.lock_after:
                self._locked_until, self._wrong = now + timedelta(seconds=self.lock_s), 0
            raise ApiFault(AUTH_FAILED, "wrong login, password or token")
        self._wrong = 0
        self.logins += 1
        refresh = self._name("refresh")
        self._refresh.add(refresh)
        return {"session_id": self._name("session"), "refresh_token": refresh, **self._issue()}

    def refresh(self, params: dict[str, Any]) -> dict[str, Any]:
        """A new access token; the refresh token stays valid and is not repeated. Raises ApiFault."""
        if params.get("refresh_token") not in self._refresh:
            raise ApiFault(REFRESH_FAILED, "the refresh token is not known")
        self.refreshes += 1
        return self._issue()

    def check(self, authorization: str) -> str:
        """The access token of a request whose session lives. Raises ApiFault."""
        scheme, _, token = authorization.partition(" ")
        if not token:
            raise ApiFault(NO_AUTH, "no auth data was sent")
        if scheme.lower() != "bearer" or not token.startswith("access-"):
            raise ApiFault(UNREADABLE, "the access token cannot be read")
        if not self.alive(token):
            raise ApiFault(EXPIRED, "the session is unknown or expired")
        self._used[token] = self.clock.now()
        return token

    def alive(self, token: str) -> bool:
        """Whether the token is known, not expired and not idle for too long."""
        now = self.clock.now()
        idle_until = self._used.get(token, now) + timedelta(seconds=self.idle_s)
        return token in self._access and now < self._access[token] and now < idle_until

    def log_out(self, token: str) -> None:
        """Forgets one session."""
        self._access.pop(token, None)

    def expire(self) -> None:
        """Every access token is dead from now on; refresh tokens still work."""
        self._access.clear()

    def forget(self) -> None:
        """Everything is dead, refresh tokens too: as after a switch to the other site."""
        self._access.clear()
        self._refresh.clear()

    def _issue(self) -> dict[str, Any]:
        access = self._name("access")
        ends = self.clock.now() + timedelta(seconds=self.life_s)
        self._access[access] = ends
        self._used[access] = self.clock.now()
        return {
            "access_token": access,
            "expires_at": ends.strftime("%Y-%m-%d %H:%M:%S"),
            "expires_in": int(self.life_s),
        }

    def _name(self, kind: str) -> str:
        self._numbers += 1
        return f"{kind}-{self._numbers:032x}"
