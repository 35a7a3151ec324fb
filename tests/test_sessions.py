"""Sessions: had when needed, renewed in time, by one for all, and given up when refused."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from exchanging import NOON, World, project

from engine.errors import OursFailed, Wait
from engine.request import Call, HttpRequest, Reply

BILLING = """
connector: billing
base_url: https://billing.example/rest
config: {login: api, token: "${secret:BILLING_TOKEN}"}
auth:
  kind: session
  login: log_in
  refresh: refresh
  expires: session.expires_at || session.expires_in
  expired_when: matches(body.faultcode, 'check_auth')
  apply: {headers: {Authorization: "Bearer {{ session.access_token }}"}}
operations:
  log_in:
    request: {method: POST, path: /login, json: {login: "{{ config.login }}", token: "{{ config.token }}"}}
    verdicts: [{when: body.faultcode == 'auth_failed', is: fail, reason: wrong token}]
    example: {body: {access_token: t}}
  refresh:
    request: {method: POST, path: /refresh, json: {refresh_token: "{{ session.refresh_token }}"}}
    example: {body: {access_token: t}}
  read:
    read_only: true
    request: {method: GET, path: /subscriber}
    example: {body: {}}
"""


class Billing(World):
    """A billing system: `life` goes into each session, `valid` are the tokens it takes, `on` plays a whole operation."""

    life: Mapping[str, Any] = {"expires_in": 172800}

    def begin(self) -> None:
        self.logins = 0
        self.valid: set[str] = set()
        self.accepts_new = True
        self.on: dict[str, Reply] = {}
        self.answer = self.play

    def play(self, call: Call, request: HttpRequest) -> Reply:
        if call.operation in self.on:
            return self.on[call.operation]
        if call.operation in ("log_in", "refresh"):
            return self.open_session()
        token = dict(request.headers)["Authorization"].removeprefix("Bearer ")
        return self.reply(body={"ok": True}) if token in self.valid else self.fault("Client.check_auth.jwt")

    def open_session(self) -> Reply:
        self.logins += 1
        token = f"access-token-{self.logins}"
        if self.accepts_new:
            self.valid = {token}
        return self.reply(body={"access_token": token, "refresh_token": f"refresh-{self.logins}", **self.life})

    def fault(self, code: str) -> Reply:
        return self.reply(500, {"faultcode": code})

    @property
    def operations(self) -> list[str]:
        return [operation for operation, _ in self.asked]

    async def read(self) -> Reply:
        def render(session: Mapping[str, Any]) -> HttpRequest:
            return HttpRequest(method="GET", path="/subscriber")

        call = Call(connector="billing", operation="read", step="read", render=render, trace_id="7d" * 16)
        return await self.exchange.send(call)


@pytest.fixture
async def billing(tmp_path: Path) -> Billing:
    world = Billing(project(tmp_path, {"BILLING_TOKEN": "an-api-token"}, billing=BILLING), on_hold=None)
    world.begin()
    return world


async def test_it_logs_in_once_and_uses_the_session_from_then_on(billing):
    for _ in range(3):
        assert (await billing.read()).body == {"ok": True}
    assert billing.operations == ["log_in", "read", "read", "read"]
    assert billing.asked[0][1].content == {"login": "api", "token": "an-api-token"}
    assert billing.headers(0)["x-b3-traceid"] == "7d" * 16
    assert "Authorization" not in billing.headers(0)


async def test_many_at_once_share_one_login(billing):
    replies = await asyncio.gather(*(billing.read() for _ in range(20)))
    assert {reply.status for reply in replies} == {200}
    assert billing.logins == 1


async def test_a_session_that_is_over_is_refreshed_once_for_all_and_the_calls_repeated_once(billing):
    await asyncio.gather(*(billing.read() for _ in range(5)))
    billing.valid.clear()
    billing.asked.clear()
    replies = await asyncio.gather(*(billing.read() for _ in range(5)))
    assert {reply.status for reply in replies} == {200}
    assert sorted(billing.operations) == ["read"] * 10 + ["refresh"]
    assert billing.asked[5][1].content == {"refresh_token": "refresh-1"}


async def test_what_a_refresh_does_not_bring_stays(billing):
    await billing.read()
    billing.valid = {"renewed"}
    billing.on["refresh"] = billing.reply(body={"access_token": "renewed", "refresh_token": None})
    assert (await billing.read()).status == 200
    billing.valid.clear()
    del billing.on["refresh"]
    await billing.read()
    assert billing.asked[-2][1].content == {"refresh_token": "refresh-1"}


@pytest.mark.parametrize(
    "refresh", [{"status": 500, "body": {"faultcode": "refresh_failed"}}, {"error": "timeout"}, {"status": 200}]
)
async def test_where_a_refresh_is_not_ok_it_logs_in(billing, refresh):
    await billing.read()
    billing.valid.clear()
    billing.on["refresh"] = Reply(asked_at=NOON, **refresh)
    assert (await billing.read()).status == 200
    assert billing.operations[-4:] == ["read", "refresh", "log_in", "read"]


async def test_expired_when_is_not_asked_of_the_login_itself(billing):
    billing.on["log_in"] = billing.fault("check_auth")
    with pytest.raises(Wait):
        await billing.read()
    assert billing.operations == ["log_in"]


async def test_a_session_is_renewed_before_its_end(billing):
    billing.life = {"expires_in": 1000}
    await billing.read()
    billing.at(899)
    await billing.read()
    assert billing.operations == ["log_in", "read", "read"]
    billing.at(900)
    await billing.read()
    assert billing.operations[3:] == ["refresh", "read"]


async def test_of_a_long_session_at_most_an_hour_is_given_away(billing):
    billing.life = {"expires_at": "2025-05-03 12:00:00"}
    await billing.read()
    billing.at(47 * 3600 - 1)
    await billing.read()
    billing.at(47 * 3600)
    await billing.read()
    assert billing.operations == ["log_in", "read", "read", "refresh", "read"]


async def test_while_it_lasts_a_session_is_used_though_it_cannot_be_renewed(billing):
    billing.life = {"expires_in": 1000}
    await billing.read()
    billing.on = {"refresh": billing.fault("down"), "log_in": billing.fault("down")}
    billing.at(950)
    assert (await billing.read()).status == 200
    assert (await billing.read()).status == 200
    assert billing.operations == ["log_in", "read", "refresh", "log_in", "read", "read"]
    billing.at(1001)
    with pytest.raises(Wait):
        await billing.read()


@pytest.mark.parametrize("life", [{"expires_at": "2025-05-01 11:00:00"}, {"expires_in": 0}, {"expires_at": None}])
async def test_an_end_in_the_past_or_none_does_not_make_every_call_log_in(billing, life):
    billing.life = life
    for _ in range(3):
        await billing.read()
    assert billing.logins == 1


async def test_an_end_that_is_no_time_is_an_error_of_ours(billing):
    billing.life = {"expires_at": "tomorrow"}
    with pytest.raises(OursFailed, match="neither an instant nor seconds from now"):
        await billing.read()


async def test_a_login_that_fails_for_now_is_tried_again_after_30_s_doubling_to_10_min(billing):
    billing.on["log_in"] = billing.fault("brute_force_lock")
    at_s, pauses = 0.0, []
    for _ in range(7):
        with pytest.raises(Wait, match="no session with billing") as waits:
            await billing.read()
        pauses.append((waits.value.until - NOON).total_seconds() - at_s)
        with pytest.raises(Wait):
            await billing.read()  # until then nobody knocks again
        at_s += pauses[-1]
        billing.at(at_s)
    assert pauses == [30, 60, 120, 240, 480, 600, 600]
    assert billing.operations == ["log_in"] * 7
    del billing.on["log_in"]
    assert (await billing.read()).status == 200


async def test_many_who_meet_a_failing_login_knock_once(billing):
    billing.on["log_in"] = billing.fault("down")
    ended = await asyncio.gather(*(billing.read() for _ in range(20)), return_exceptions=True)
    assert {type(one) for one in ended} == {Wait}
    assert billing.operations == ["log_in"]


async def test_a_refused_login_holds_the_connector_until_somebody_resumes_it(tmp_path):
    told: list[tuple[str, str]] = []

    async def on_hold(connector: str, reason: str) -> None:
        told.append((connector, reason))

    catalog = project(tmp_path, {"BILLING_TOKEN": "an-api-token"}, billing=BILLING)
    billing = Billing(catalog, on_hold=on_hold)
    billing.begin()
    billing.on["log_in"] = billing.fault("auth_failed")
    ended = await asyncio.gather(*(billing.read() for _ in range(5)), return_exceptions=True)
    assert {type(one) for one in ended} == {Wait}
    billing.at(100_000)
    with pytest.raises(Wait, match="held, its login was refused: wrong token"):
        await billing.read()
    assert (billing.operations, told) == (["log_in"], [("billing", "wrong token")])
    del billing.on["log_in"]
    billing.exchange.release("billing")
    assert (await billing.read()).status == 200


async def test_a_fresh_session_that_is_turned_down_too_goes_to_the_verdicts_and_does_not_end_in_a_storm_of_logins(
    billing,
):
    billing.accepts_new = False
    for _ in range(10):
        reply = await billing.read()
        assert reply.body == {"faultcode": "Client.check_auth.jwt"}
    assert billing.logins == 2
    billing.accepts_new = True
    billing.at(31)
    assert (await billing.read()).status == 200


async def test_cookies_of_a_login_belong_to_the_session(billing):
    billing.on["log_in"] = billing.reply(
        body={"access_token": "t1"}, headers={"set-cookie": "sid=abc; Path=/; HttpOnly\nlang=en"}
    )
    billing.valid = {"t1"}
    await billing.read()
    assert billing.headers()["Cookie"] == "sid=abc; lang=en"
    billing.on["read"] = billing.reply(headers={"set-cookie": "lang=; Max-Age=0\nsid=def"})
    await billing.read()
    await billing.read()
    assert billing.headers()["Cookie"] == "sid=def"


async def test_tokens_of_a_session_are_masked_from_then_on(billing):
    await billing.read()
    assert billing.masker.text("it said access-token-1, refresh-1") == "it said ***, ***"


CSRF = """
connector: csrf
base_url: https://csrf.example
config: {password: "${secret:CSRF_PASSWORD}"}
auth:
  kind: session
  login: log_in
  apply: {headers: {X-CSRF: "{{ session.csrf }}"}, query: {sid: "{{ session.sid }}"}}
operations:
  form:
    read_only: true
    request: {method: GET, path: /form}
    result: "{csrf: body.csrf}"
    example: {body: {csrf: c}}
  post:
    args: {csrf: {type: string}}
    request: {method: POST, path: /post, form: {csrf: "{{ args.csrf }}", password: "{{ config.password }}"}}
    example: {body: {sid: 5}}
  log_in:
    steps:
      - {id: form, call: form}
      - {id: post, call: post, with: {csrf: steps.form.result.csrf}}
    result: "{csrf: steps.form.result.csrf, sid: steps.post.result.sid}"
  read:
    read_only: true
    request: {method: GET, path: /x}
    example: {body: {}}
"""


async def test_a_login_may_be_made_of_steps_which_share_their_cookies(tmp_path):
    world = World(project(tmp_path, {"CSRF_PASSWORD": "a-password"}, csrf=CSRF))

    def play(call: Call, request: HttpRequest) -> Reply:
        if call.operation == "form":
            return world.reply(body={"csrf": "token-of-the-form"}, headers={"set-cookie": "pre=1"})
        return world.reply(body={"sid": 5})

    world.answer = play
    call = Call(connector="csrf", operation="read", step="r", render=lambda _: HttpRequest(method="GET", path="/x"))
    await world.exchange.send(call)
    assert [operation for operation, _ in world.asked] == ["form", "post", "read"]
    assert world.headers(1)["Cookie"] == "pre=1"
    assert world.asked[1][1].content == [("csrf", "token-of-the-form"), ("password", "a-password")]
    assert (world.headers(2)["X-CSRF"], world.asked[2][1].query) == ("token-of-the-form", (("sid", "5"),))
