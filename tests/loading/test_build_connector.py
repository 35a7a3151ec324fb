"""A connector's file as a value: how it is reached, its operations, its enrichments."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.auth import Apply, Auth, BasicAuth, HeaderAuth, NoAuth, OAuth2Auth, QueryAuth, SessionAuth
from engine.connector import Breaker, Connector, Limits, Tls
from tests.loading.projects import changed, checked, lines, sound_in

FULL = """
connector: hss
description: A subscriber database
transport: http
base_url: https://hss.test/api/
timeout: 500ms
limits: {rate: 3000/m, concurrency: 4}
breaker: {failures: 5, within: 30s, open_for: 1m}
tls: {ca: ca.pem, cert: me.pem, key: me.key, verify: false}
proxy: http://proxy.test:3128
max_reply: 1MiB
reply: xml
headers: {X-Tenant: acme}
verdicts:
  - {when: status == `503`, is: retry, reason: "busy: {{ status }}"}
operations:
  ping:
    read_only: true
    reply: text
    request: {method: GET, path: /ping}
    verdicts:
      - {when: text == 'no', is: fail, case: refused, answer: 404, result: headers.x}
    result: text
    example: {status: 200, text: ok}
  ask:
    read_only: true
    args:
      id: {type: integer}
      note?: {type: string, secret: true}
      kind: {type: string, enum: [a, b], default: a}
    request:
      method: POST
      path: /ask/{{ args.id }}
      query: {kind: "{{ args.kind }}"}
      xml: <ask><note>{{ args.note | default('') }}</note></ask>
  both:
    steps:
      - call: ping
      - {call: ask, with: {id: "`5`"}, optional: true}
  change:
    request: {method: POST, path: /, text: plain}
  mixed:
    steps: [{call: ping}, {call: change}]
"""


def connector_of(text: str, folder: Path) -> Connector:
    sound_in(folder)
    for file in ("pipelines/hss.yaml", "pipelines/hss.test.yaml"):
        (folder / file).unlink()
    (folder / "connectors/hss.yaml").write_text(text)
    loaded = checked(folder)
    assert loaded.catalog is not None, lines(loaded)
    return loaded.catalog.connectors["hss"]


@pytest.fixture
def full(tmp_path: Path) -> Connector:
    return connector_of(FULL, tmp_path / "project")


@pytest.fixture
def billing(tmp_path: Path) -> Connector:
    catalog = checked(sound_in(tmp_path / "project")).catalog
    assert catalog is not None
    return catalog.connectors["billing"]


def test_how_it_is_reached_is_as_written_with_units(full: Connector) -> None:
    assert (full.base_url, full.timeout_s, full.max_reply_bytes) == ("https://hss.test/api", 0.5, 1024 * 1024)
    assert full.limits == Limits(rate=50.0, concurrency=4)
    assert full.breaker == Breaker(failures=5, within_s=30.0, open_for_s=60.0)
    assert full.tls == Tls(ca="ca.pem", cert="me.pem", key="me.key", verify=False)
    assert full.proxy == "http://proxy.test:3128"
    assert full.headers["X-Tenant"].render({}) == "acme"


def test_a_connector_without_these_has_the_documented_defaults(tmp_path: Path) -> None:
    text = "connector: hss\nbase_url: https://hss.test\noperations: {ping: {request: {method: GET, path: /}}}\n"
    least = connector_of(text, tmp_path / "project")
    assert (least.timeout_s, least.max_reply_bytes, least.limits, least.breaker) == (30.0, 4 * 1024**2, Limits(), None)
    assert (least.auth, least.transport, least.probe) == (NoAuth(), "http", None)


def test_the_connector_s_verdicts_come_after_the_operation_s_own(full: Connector) -> None:
    own, shared = full.operations["ping"].verdicts
    assert (own.is_, own.case, own.answer) == ("fail", "refused", 404)
    assert shared.is_ == "retry" and shared.reason is not None
    assert shared.reason.render({"status": 503}) == "busy: 503"


def test_the_connector_s_reply_kind_is_the_operation_s_default(full: Connector) -> None:
    assert (full.operations["ping"].reply, full.operations["ask"].reply) == ("text", "xml")


def test_arguments_are_required_optional_or_have_a_default(full: Connector) -> None:
    number, note, kind = full.operations["ask"].args
    assert (number.name, number.required, number.schema) == ("id", True, {"type": "integer"})
    assert (note.name, note.required, note.secret, note.schema) == ("note", False, True, {"type": "string"})
    assert (kind.required, kind.has_default, kind.default) == (False, True, "a")


def test_each_part_of_a_request_is_escaped_for_where_it_goes(full: Connector) -> None:
    request = full.operations["ask"].request
    assert request is not None and request.xml is not None
    scope = {"args": {"id": "a/b", "note": "<&>", "kind": "b"}}
    assert request.path.render(scope) == "/ask/a%2Fb"
    assert request.xml.render(scope) == "<ask><note>&lt;&amp;&gt;</note></ask>"
    assert request.query is not None and request.query.render(scope) == {"kind": "b"}


def test_an_operation_made_of_steps_is_read_only_where_all_are(full: Connector) -> None:
    assert full.operations["both"].read_only is True
    assert full.operations["mixed"].read_only is False
    assert full.operations["change"].read_only is False


def test_a_step_is_called_by_the_operation_s_name_unless_it_says_an_id(full: Connector) -> None:
    ping, ask = full.operations["both"].steps
    assert (ping.id, ping.connector, ping.operation, ping.arguments, ping.optional) == (
        "ping",
        "hss",
        "ping",
        None,
        False,
    )
    assert ask.optional is True and ask.arguments is not None
    assert ask.arguments["id"].evaluate({}) == 5


def test_an_example_is_plain(full: Connector) -> None:
    assert full.operations["ping"].example == {"status": 200, "text": "ok"}


def test_an_enrichment_waits_for_the_blocks_its_when_and_with_read(billing: Connector) -> None:
    assert billing.enrichments["account_info"].waits_for == frozenset()
    assert billing.enrichments["sim_info"].waits_for == frozenset({"account_info"})


def test_an_enrichment_s_shape_is_an_object_of_expressions(billing: Connector) -> None:
    shape = billing.enrichments["account_info"].shape
    assert shape is not None
    scope = {"result": {"id": 7, "blocked": "Y"}, "config": {"yes_no": {"Y": True}}}
    assert shape.evaluate(scope) == {"id": 7, "blocked": True}


@pytest.mark.parametrize(("written", "seconds"), [("", 5.0), ("\n    cache: 0s", 0.0), ("\n    cache: 1m", 60.0)])
def test_an_enrichment_is_cached_five_seconds_unless_it_says_otherwise(
    written: str, seconds: float, tmp_path: Path
) -> None:
    folder = changed(tmp_path / "project", "connectors/billing.yaml", "call: get_sim", f"call: get_sim{written}")
    catalog = checked(folder).catalog
    assert catalog is not None
    assert catalog.connectors["billing"].enrichments["sim_info"].cache_s == seconds


@pytest.mark.parametrize(
    ("written", "auth"),
    [
        ("{kind: none}", NoAuth()),
        ('{kind: basic, user: u, password: "${secret:P}"}', BasicAuth(user="u", password="p")),
        ('{kind: header, name: X-Key, value: "Key ${secret:P}"}', HeaderAuth(name="X-Key", value="Key p")),
        ('{kind: query, params: {key: "${secret:P}", format: json}}', QueryAuth(params={"key": "p", "format": "json"})),
        (
            '{kind: oauth2_client_credentials, token_url: "https://t.test", client_id: c, client_secret: "${secret:P}"}',
            OAuth2Auth(token_url="https://t.test", client_id="c", client_secret="p"),
        ),
        (
            '{kind: oauth2_client_credentials, token_url: "https://t.test", client_id: c, client_secret: "${secret:P}", '
            "scope: a b, send: body}",
            OAuth2Auth(token_url="https://t.test", client_id="c", client_secret="p", scope="a b", send="body"),
        ),
    ],
)
def test_each_auth_kind_is_as_written(written: str, auth: Auth, tmp_path: Path) -> None:
    folder = changed(
        tmp_path / "project", "connectors/hss.yaml", '{kind: bearer, token: "${secret:HSS_TOKEN}"}', written
    )
    loaded = checked(folder, {"P": "p"})
    assert loaded.catalog is not None, lines(loaded)
    assert loaded.catalog.connectors["hss"].auth == auth


def test_a_session_names_its_operations_and_how_its_token_is_laid_over(billing: Connector) -> None:
    auth = billing.auth
    assert isinstance(auth, SessionAuth)
    assert (auth.login, auth.refresh) == ("log_in", "renew")
    assert auth.expires is not None and auth.expires.evaluate({"session": {"expires_in": 60}}) == 60
    assert auth.expired_when is not None and auth.expired_when.evaluate({"body": {"faultcode": "expired"}}) is True
    assert isinstance(auth.apply, Apply)
    assert auth.apply.headers["Authorization"].render({"session": {"access_token": "t"}}) == "Bearer t"
