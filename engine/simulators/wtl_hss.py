"""A WTL HLR/HSS: `POST /prov` with a bearer token; what it was told, subscriber by subscriber."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from engine.simulators.control import fault_routes, json_body
from engine.simulators.faults import Faults, Faulty

STATUSES = ("serviceGranted", "operatorDeterminedBarring")


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisioned:
    """One request that was taken or refused by the system itself (not by an injected fault)."""

    body: Any
    status: int
    answer: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


class WtlHss:
    """State per IMSI and the log of requests. `app` is its HTTP face, `faults` what its next requests meet.

    Refusals come as domain.md 5.5 measured them: HTTP 401 for the token, HTTP 200 with `result: false` for the content.
    """

    def __init__(self, token: str = "hss-token") -> None:  # noqa: S107 - a simulator's
        self.token = token
        self.subscribers: dict[str, dict[str, Any]] = {}
        self.requests: list[Provisioned] = []
        self.faults = Faults("/prov")
        routes = [
            Route("/prov", self._prov, methods=["POST"]),
            Route("/control/subscribers", self._show),
            *fault_routes(self.faults),
        ]
        self.app = Faulty(Starlette(routes=routes), self.faults)

    async def _prov(self, request: Request) -> JSONResponse:
        body = await json_body(request)
        status, answer = self.take(request.headers.get("authorization", ""), body)
        self.requests.append(Provisioned(body=body, status=status, answer=answer, headers=dict(request.headers)))
        return JSONResponse(answer, status)

    async def _show(self, request: Request) -> JSONResponse:
        return JSONResponse(self.subscribers)

    def take(self, authorization: str, body: Any) -> tuple[int, dict[str, Any]]:
        """Status and answer to one request; a good one becomes the subscriber's state."""
        if not hmac.compare_digest(authorization.encode(), f"Bearer {self.token}".encode()):
            return 401, {"error": "Unauthorized"}
        if wrong := refusal(body):
            return 200, {"result": False, "error": wrong}
        self.subscribers[body["imsi"]] = {name: value for name, value in body.items() if name not in {"imsi", "action"}}
        return 200, {"result": True}


def refusal(body: Any) -> str:
    """Why the system does not take this body, "" when it does."""
    if not isinstance(body, dict):
        return "a JSON object is expected"
    if not isinstance(imsi := body.get("imsi"), str) or len(imsi) != 15 or not imsi.isdigit():
        return "imsi must be 15 digits"
    if body.get("subscriber_status") not in STATUSES:
        return f"subscriber_status must be one of {', '.join(STATUSES)}"
    if body.get("action") != "update":
        return "action must be update"
    msisdn = body.get("msisdn")
    if not isinstance(msisdn, list) or not all(isinstance(number, str) and number.isdigit() for number in msisdn):
        return "msisdn must be a list of numbers"
    return ""
