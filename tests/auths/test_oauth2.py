"""OAuth 2.0 client credentials, RFC 6749 §4.4."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.auth import OAuth2Auth
from engine.auths.oauth2 import ClientCredentials
from engine.connector import Connector
from engine.request import HttpRequest, Reply
from engine.sessions import Held, Renewal

NOON = datetime(2025, 5, 1, 12, tzinfo=UTC)


class Endpoint:
    """A token endpoint that answers one thing."""

    def __init__(self, status: int | None = 200, body: Any = None, **more: Any) -> None:
        self.reply = Reply(status=status, body=body, asked_at=NOON, **more)
        self.asked: list[HttpRequest] = []

    async def request(self, request: HttpRequest, /) -> Reply:
        self.asked.append(request)
        return self.reply

    async def operation(self, name: str, held: Held, /) -> Any:
        raise AssertionError("no operation is asked for")


def auth(**settings: Any) -> ClientCredentials:
    value = OAuth2Auth(token_url="https://id.example/token", client_id="nsps", client_secret="s:e c", **settings)
    return ClientCredentials(value, Connector(name="api", auth=value))


async def renewed(endpoint: Endpoint, **settings: Any) -> Renewal:
    return await auth(**settings).renew(None, endpoint, NOON)


ISSUED = {"access_token": "abc", "token_type": "Bearer", "expires_in": 3600}


async def test_the_token_is_asked_for_with_basic_and_form_encoded_credentials():
    endpoint = Endpoint(body=ISSUED)
    await renewed(endpoint, scope="a b")
    asked = endpoint.asked[0]
    assert (asked.base_url, asked.method, asked.path) == ("https://id.example/token", "POST", "")
    assert asked.content == [("grant_type", "client_credentials"), ("scope", "a b")]
    assert dict(asked.headers)["Authorization"] == "Basic " + base64.b64encode(b"nsps:s%3Ae+c").decode()


async def test_or_with_credentials_in_the_body():
    endpoint = Endpoint(body=ISSUED)
    await renewed(endpoint, send="body")
    assert endpoint.asked[0].content == [
        ("grant_type", "client_credentials"),
        ("client_id", "nsps"),
        ("client_secret", "s:e c"),
    ]
    assert "Authorization" not in dict(endpoint.asked[0].headers)


async def test_the_token_is_a_session_with_an_end():
    held = (await renewed(Endpoint(body=ISSUED))).held
    assert held is not None
    assert held.expires_at == NOON + timedelta(hours=1)
    assert held.renew_at == NOON + timedelta(minutes=54)
    applied = auth().apply(HttpRequest(method="GET", path="/"), held, {})
    assert applied.headers == (("Authorization", "Bearer abc"),)


@pytest.mark.parametrize("expires_in", [None, "soon", 0, -5])
async def test_without_a_believable_end_it_lasts_until_it_is_turned_down(expires_in):
    held = (await renewed(Endpoint(body={**ISSUED, "expires_in": expires_in}))).held
    assert held is not None
    assert held.renew_at is None
    assert auth().expired(Reply(status=401, asked_at=NOON), {})
    assert not auth().expired(Reply(status=403, asked_at=NOON), {})


@pytest.mark.parametrize("error", ["invalid_client", "unauthorized_client", "invalid_scope", "invalid_grant"])
async def test_a_refusal_is_final_and_said_in_words(error):
    renewal = await renewed(Endpoint(401, {"error": error, "error_description": "who are you?"}))
    assert renewal.refused
    assert renewal.reason == f"https://id.example/token gave no token: {error} (who are you?)"


@pytest.mark.parametrize(
    "endpoint",
    [
        Endpoint(503, {"error": "temporarily_unavailable"}),
        Endpoint(502, None, error="unreadable", detail="HTML"),
        Endpoint(None, None, error="connect", detail="connection refused by id.example:443"),
        Endpoint(200, {}),
        Endpoint(200, ["what"]),
        Endpoint(200, {"access_token": "abc", "token_type": "mac"}),
    ],
)
async def test_anything_else_is_tried_again(endpoint):
    renewal = await renewed(endpoint)
    assert (renewal.held, renewal.refused) == (None, False)
    assert renewal.reason
