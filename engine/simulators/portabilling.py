"""A PortaBilling: its REST API over a small population, and the events its changes cause.

Service names, parameters and records that domain.md 2.4 marks as inferred are inferred here as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from engine.clock import Clock, SystemClock
from engine.simulators.control import fault_routes, json_body
from engine.simulators.espf import EspfSender
from engine.simulators.faults import Faults, Faulty
from engine.simulators.population import Population, town
from engine.simulators.sessions import ApiFault, Sessions

BAD_ENVELOPE = "Client.envelope_invalid"  # invented: no source shows what a body without `params` gets
NO_METHOD = "Client.method_not_found"  # invented
Params = dict[str, Any]


class PortaBilling:
    """The API under `/rest`; `app` is its HTTP face, `faults` what its next API calls meet, `espf` sends its events.

    `requests` lists what was called, as (path, params). `fault_codes` makes a method answer an API fault: path to code.
    """

    def __init__(
        self, espf: EspfSender | None = None, people: Population | None = None, clock: Clock | None = None
    ) -> None:
        self.clock = clock or SystemClock()
        self.sessions = Sessions(clock=self.clock)
        self.people = people or town()
        self.espf = espf or EspfSender(clock=self.clock)
        self.requests: list[tuple[str, Params]] = []
        self.fault_codes: dict[str, str] = {}
        self.faults = Faults()
        self.app = Faulty(Starlette(routes=self._routes()), self.faults)

    def _routes(self) -> list[Route]:
        return [
            Route("/rest/{service}/{method}", self._call, methods=["POST"]),
            Route("/control/accounts", self._accounts),
            Route("/control/{change}/{i_account:int}", self._change, methods=["POST"]),
            *fault_routes(self.faults),
        ]

    async def _call(self, request: Request) -> JSONResponse:
        path = f"{request.path_params['service']}/{request.path_params['method']}"
        body = await json_body(request)
        try:
            return JSONResponse(self.answer(path, body, request.headers.get("authorization", "")))
        except ApiFault as fault:
            return JSONResponse({"faultcode": fault.code, "faultstring": fault.text}, 500)

    def answer(self, path: str, body: Any, authorization: str) -> Any:
        """The JSON of one API call. Raises ApiFault."""
        params = body.get("params") if isinstance(body, dict) else None
        if not isinstance(params, dict):
            raise ApiFault(BAD_ENVELOPE, 'a JSON object {"params": {...}} is expected')
        self.requests.append((path, params))
        if code := self.fault_codes.get(path):
            raise ApiFault(code, "a fault on command")
        if path in (open_to_all := self._sessions()):
            return open_to_all[path](params)
        token = self.sessions.check(authorization)
        if path == "Session/logout":
            self.sessions.log_out(token)
            return {}
        if (method := self._methods().get(path)) is None:
            raise ApiFault(NO_METHOD, f"{path} is not simulated")
        return method(params)

    def _sessions(self) -> Mapping[str, Callable[[Params], Any]]:
        return {
            "Session/login": self.sessions.log_in,
            "Session/refresh_access_token": self.sessions.refresh,
            "Session/ping": lambda params: {"user_id": int(self.sessions.alive(str(params.get("access_token"))))},
        }

    def _methods(self) -> Mapping[str, Callable[[Params], Any]]:
        people = self.people
        return {
            "Account/get_account_info": self._account_info,
            "Account/update_account": self._update_account,
            "Account/get_full_vd_counter_info": lambda p: record(
                "full_vd_counter_info", people.counters, p, "i_account"
            ),
            "SIMCard/get_card_info": lambda p: record("card_info", people.cards, p, "i_sim_card"),
            "SIMCard/get_card_list": self._card_list,
            "AccessPolicy/get_access_policy_info": lambda p: record(
                "access_policy_info", people.policies, p, "i_access_policy"
            ),
            "Product/get_product_info": lambda p: record("product_info", people.products, p, "i_product"),
            "Customer/get_customer_info": lambda p: record("customer_info", people.customers, p, "i_customer"),
        }

    def _account_info(self, params: Params) -> Any:
        answer = record("account_info", self.people.accounts, params, "i_account")
        if answer and not params.get("get_service_features"):
            answer["account_info"].pop("service_features", None)
        return answer

    def _card_list(self, params: Params) -> Any:
        wanted = [
            card
            for card in self.people.cards.values()
            if "i_account" not in params or card["i_account"] == params["i_account"]
        ]
        return {"card_list": [shown(card) for card in wanted[: params.get("limit", 100)]]}

    def _update_account(self, params: Params) -> Any:
        changes = dict(params.get("account_info") or {})
        i_account = changes.pop("i_account", None)
        if i_account not in self.people.accounts:
            raise ApiFault("Server.Account.not_found", "no such account")  # invented
        self.change(i_account, **changes)
        return {"i_account": i_account}

    # What an administrator does; each change is followed by the events PortaBilling sends for it.

    def change(self, i_account: int, **fields: Any) -> None:
        """Sets fields of an account and emits SIM/Updated for it."""
        self.people.accounts[i_account].update(fields)
        self.espf.emit("SIM/Updated", i_account=i_account)

    def block(self, i_account: int) -> None:
        """Blocks an account."""
        self.change(i_account, blocked="Y")

    def unblock(self, i_account: int) -> None:
        """Lifts the block of an account."""
        self.change(i_account, blocked="N")

    def set_status(self, i_account: int, bill_status: str) -> None:
        """Sets an account's billing status: O, S, I or C; a closed account's id is renamed."""
        renamed = {"id": f"{self.people.accounts[i_account]['id']}-old000"} if bill_status == "C" else {}
        self.change(i_account, bill_status=bill_status, **renamed)

    def change_product(self, i_account: int, i_product: int) -> None:
        """Gives an account another main product."""
        self.change(i_account, i_product=i_product, product_name=self.people.products[i_product]["name"])

    def assign_sim(self, i_account: int, i_sim_card: int | None) -> None:
        """Gives an account another SIM card, or none; emits SIM/Replaced and SIM/Updated."""
        number = self.people.accounts[i_account]["id"].split("@")[0]
        for card in self.people.cards.values():
            if card["i_account"] == i_account:
                card.update(i_account=None, msisdn=None, status="available")
        if i_sim_card is not None:
            self.people.cards[i_sim_card].update(i_account=i_account, msisdn=number, status="used")
        self.espf.emit("SIM/Replaced", i_account=i_account)
        self.espf.emit("SIM/Updated", i_account=i_account)

    async def _change(self, request: Request) -> JSONResponse:
        changes = {"block": self.block, "unblock": self.unblock}
        change, i_account = request.path_params["change"], request.path_params["i_account"]
        if change not in changes or i_account not in self.people.accounts:
            known = ", ".join(map(str, self.people.accounts))
            return JSONResponse(
                {"error": f"say /control/block/N or /control/unblock/N, where N is one of {known}"}, 404
            )
        changes[change](i_account)
        return JSONResponse(shown(self.people.accounts[i_account]))

    async def _accounts(self, request: Request) -> JSONResponse:
        return JSONResponse([shown(account) for account in self.people.accounts.values()])


def record(name: str, of: Mapping[int, Any], params: Params, key: str) -> dict[str, Any]:
    """`{name: record}`, or `{}` for an id that is not there (domain.md 2.1, "Empty record")."""
    found = of.get(int(params.get(key) or 0))
    return {} if found is None else {name: shown(found)}


def shown(found: Any) -> Any:
    """A copy of a record without its private fields."""
    if isinstance(found, list):
        return [shown(one) for one in found]
    return (
        {name: value for name, value in found.items() if not name.startswith("_")} if isinstance(found, dict) else found
    )
