from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from engine.clock import VirtualClock
from engine.simulators.portabilling import PortaBilling
from engine.simulators.serve import serving
from engine.simulators.sessions import ApiFault

NOON = datetime(2025, 5, 1, 12, tzinfo=UTC)
LOGIN = {"login": "nsps-api", "token": "api-token"}


@pytest.fixture
def billing() -> PortaBilling:
    return PortaBilling(clock=VirtualClock(NOON))


def ask(billing: PortaBilling, path: str, params: dict[str, Any], token: str = "") -> Any:
    return billing.answer(path, {"params": params}, f"Bearer {token}" if token else "")


def fault_of(billing: PortaBilling, path: str, params: dict[str, Any], token: str = "") -> str:
    with pytest.raises(ApiFault) as caught:
        ask(billing, path, params, token)
    return caught.value.code


def logged_in(billing: PortaBilling) -> str:
    return str(ask(billing, "Session/login", LOGIN)["access_token"])


def move(billing: PortaBilling, seconds: float) -> None:
    assert isinstance(billing.clock, VirtualClock)
    billing.clock.move_to(billing.clock.now() + timedelta(seconds=seconds))


def test_a_login_says_when_it_ends_in_utc(billing: PortaBilling) -> None:
    session = ask(billing, "Session/login", LOGIN)
    assert session.keys() == {"session_id", "access_token", "refresh_token", "expires_at", "expires_in"}
    assert (session["expires_at"], session["expires_in"]) == ("2025-05-03 12:00:00", 172800)


def test_a_password_does_in_place_of_a_token(billing: PortaBilling) -> None:
    assert ask(billing, "Session/login", {"login": "nsps-api", "password": "api-password"})["access_token"]


def test_a_wrong_login_faults_and_too_many_lock_the_user_out(billing: PortaBilling) -> None:
    wrong = {"login": "nsps-api", "token": "guess"}
    assert {fault_of(billing, "Session/login", wrong) for _ in range(5)} == {"Server.Session.auth_failed"}
    assert fault_of(billing, "Session/login", LOGIN) == "Server.Session.cannot_login_brute_force_activity"
    move(billing, 301)
    assert logged_in(billing)


def test_sessions_end_by_age_and_by_idleness(billing: PortaBilling) -> None:
    token = logged_in(billing)
    move(billing, 86401)
    expired = "Server.Session.check_auth.auth_failed"
    assert fault_of(billing, "Account/get_account_info", {"i_account": 277147}, token) == expired
    billing.sessions.life_s = 60
    token = logged_in(billing)
    move(billing, 61)
    assert fault_of(billing, "Account/get_account_info", {"i_account": 277147}, token) == expired
    assert ask(billing, "Session/ping", {"access_token": token}) == {"user_id": 0}


def test_no_token_and_a_strange_token_fault_differently(billing: PortaBilling) -> None:
    assert fault_of(billing, "Account/get_account_info", {}) == "Client.check_auth.envelope_missed"
    unreadable = "Client.Session.check_auth.failed_to_process_access_token"
    assert fault_of(billing, "Account/get_account_info", {}, "nonsense") == unreadable


def test_a_refresh_gives_an_access_token_and_no_new_refresh_token(billing: PortaBilling) -> None:
    session = ask(billing, "Session/login", LOGIN)
    billing.sessions.expire()
    renewed = ask(billing, "Session/refresh_access_token", {"refresh_token": session["refresh_token"]})
    assert "refresh_token" not in renewed
    assert ask(billing, "Account/get_account_info", {"i_account": 277147}, renewed["access_token"])
    billing.sessions.forget()
    refused = "Server.Session.refresh_access_token.refresh_failed"
    assert fault_of(billing, "Session/refresh_access_token", {"refresh_token": session["refresh_token"]}) == refused


def test_a_logged_out_session_is_gone(billing: PortaBilling) -> None:
    token = logged_in(billing)
    assert ask(billing, "Session/logout", {"access_token": token}, token) == {}
    assert ask(billing, "Session/ping", {"access_token": token}) == {"user_id": 0}


def test_an_unknown_id_is_an_empty_object(billing: PortaBilling) -> None:
    token = logged_in(billing)
    assert ask(billing, "Account/get_account_info", {"i_account": 1}, token) == {}
    assert ask(billing, "SIMCard/get_card_info", {"i_sim_card": 1}, token) == {}


def test_features_come_only_when_asked_for_and_passwords_never(billing: PortaBilling) -> None:
    token = logged_in(billing)
    bare = ask(billing, "Account/get_account_info", {"i_account": 277147}, token)["account_info"]
    whole = ask(billing, "Account/get_account_info", {"i_account": 277147, "get_service_features": 1}, token)
    assert "service_features" not in bare
    assert whole["account_info"]["service_features"]
    assert "_service_password" not in bare


def test_an_answer_is_a_copy(billing: PortaBilling) -> None:
    token = logged_in(billing)
    ask(billing, "Account/get_account_info", {"i_account": 277147}, token)["account_info"]["blocked"] = "?"
    assert billing.people.accounts[277147]["blocked"] == "N"


def test_what_an_administrator_does_sends_events(billing: PortaBilling) -> None:
    billing.block(277147)
    billing.set_status(277147, "C")
    billing.change_product(277147, 61)
    billing.assign_sim(277150, 3706)
    sent = [(queued.event_type, queued.variables["i_account"]) for queued in billing.espf.queue]
    assert sent == [("SIM/Updated", 277147)] * 3 + [("SIM/Replaced", 277150), ("SIM/Updated", 277150)]
    account, card = billing.people.accounts[277147], billing.people.cards[3706]
    assert (account["blocked"], account["id"], account["product_name"]) == (
        "Y",
        "15550100042@msisdn-old000",
        "Mobile business",
    )
    assert (card["i_account"], card["msisdn"], card["status"]) == (277150, "15550100045", "used")


def test_a_sim_card_that_is_taken_away_is_available_again(billing: PortaBilling) -> None:
    billing.assign_sim(277147, None)
    assert billing.people.cards[3701]["status"] == "available"
    token = logged_in(billing)
    assert ask(billing, "SIMCard/get_card_list", {"i_account": 277147}, token) == {"card_list": []}


async def test_faults_are_http_500_with_a_code(billing: PortaBilling) -> None:
    async with serving(billing.app) as url, httpx2.AsyncClient(base_url=f"{url}/rest") as client:
        answer = await client.post("/Account/get_account_info", json={"params": {}})
        assert answer.status_code == 500
        assert answer.json()["faultcode"] == "Client.check_auth.envelope_missed"
        assert (await client.post("/Account/get_account_info", content=b"[]")).json()["faultcode"].startswith("Client.")
        token = (await client.post("/Session/login", json={"params": LOGIN})).json()["access_token"]
        billing.fault_codes["Account/get_account_info"] = "pb_delta.connection_failed"
        headers = {"authorization": f"Bearer {token}"}
        answer = await client.post("/Account/get_account_info", json={"params": {"i_account": 277147}}, headers=headers)
        assert answer.json()["faultcode"] == "pb_delta.connection_failed"


async def test_an_account_is_blocked_from_a_shell(billing: PortaBilling) -> None:
    async with serving(billing.app) as url, httpx2.AsyncClient(base_url=url) as client:
        assert (await client.post("/control/block/277147")).json()["blocked"] == "Y"
        assert (await client.post("/control/block/1")).status_code == 404
        assert len((await client.get("/control/accounts")).json()) == 6
    assert len(billing.espf.queue) == 1


async def test_the_api_itself_changes_an_account(billing: PortaBilling) -> None:
    token = logged_in(billing)
    params = {"account_info": {"i_account": 277147, "blocked": "Y"}}
    assert ask(billing, "Account/update_account", params, token) == {"i_account": 277147}
    assert billing.people.accounts[277147]["blocked"] == "Y"
    assert fault_of(billing, "Account/update_account", {"account_info": {"i_account": 1}}, token).startswith("Server.")
