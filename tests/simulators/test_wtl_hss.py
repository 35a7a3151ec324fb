from __future__ import annotations

from typing import Any

import pytest

from engine.simulators.wtl_hss import WtlHss

TOKEN = "Bearer hss-token"
JANE = {
    "imsi": "001010000000017",
    "subscriber_status": "serviceGranted",
    "cs_profile": "a",
    "eps_profile": "b",
    "msisdn": ["15550100042"],
    "action": "update",
}


def test_a_good_request_is_the_subscribers_state() -> None:
    hss = WtlHss()
    assert hss.take(TOKEN, JANE) == (200, {"result": True})
    state = {"subscriber_status": "serviceGranted", "cs_profile": "a", "eps_profile": "b", "msisdn": ["15550100042"]}
    assert hss.subscribers == {"001010000000017": state}


def test_a_wrong_token_is_401_and_changes_nothing() -> None:
    hss = WtlHss()
    assert hss.take("Bearer guess", JANE)[0] == 401
    assert hss.take("", JANE)[0] == 401
    assert hss.subscribers == {}


@pytest.mark.parametrize(
    "change",
    [
        {"imsi": "1"},
        {"imsi": None},
        {"subscriber_status": "SERVICE_GRANTED"},
        {"action": "insert"},
        {"msisdn": "1"},
        {"msisdn": [None]},
    ],
)
def test_what_it_does_not_take_is_http_200_with_result_false(change: dict[str, Any]) -> None:
    status, answer = WtlHss().take(TOKEN, {**JANE, **change})
    assert (status, answer["result"]) == (200, False)
    assert answer["error"]
