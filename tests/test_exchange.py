"""The only way out, layer by layer: cache, permits, auth, carrying."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from exchanging import NOON, World, a_call, project

from engine.catalog import Catalog
from engine.clock import VirtualClock
from engine.errors import OursFailed, Wait
from engine.exchange import Exchange
from engine.masking import Masker
from engine.request import Call, HttpRequest, Reply

HSS = """
connector: hss
base_url: http://hss.example:8080/api
auth: {kind: bearer, token: "${secret:HSS_TOKEN}"}
limits: {concurrency: 1}
operations:
  read:
    read_only: true
    request: {method: GET, path: /subscriber}
    example: {body: {}}
"""

OTHER = """
connector: other
base_url: http://other.example
operations:
  read:
    read_only: true
    request: {method: GET, path: /x}
    example: {body: {}}
"""


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return project(tmp_path, {"HSS_TOKEN": "a-token-of-the-hss"}, hss=HSS, other=OTHER)


@pytest.fixture
async def world(catalog: Catalog) -> World:
    return World(catalog)


async def test_a_call_leaves_with_auth_the_trace_id_and_a_request_id_of_its_own(world):
    await world.exchange.send(a_call())
    await world.exchange.send(a_call())
    first, second = world.headers(0), world.headers(1)
    assert first["Authorization"] == "Bearer a-token-of-the-hss"
    assert first["x-b3-traceid"] == second["x-b3-traceid"] == "7d" * 16
    assert first["x-request-id"] != second["x-request-id"]
    assert "idempotency-key" not in first


async def test_ids_the_request_brings_itself_stay(world):
    request = HttpRequest(method="GET", path="/", headers=(("X-Request-ID", "mine"),))
    await world.exchange.send(a_call(request=request))
    assert [pair for pair in world.asked[0][1].headers if pair[0].lower() == "x-request-id"] == [
        ("X-Request-ID", "mine")
    ]


async def test_the_reply_says_what_was_sent_without_the_credentials_of_its_headers(world):
    content = {"ki": "00112233445566778899aabbccddeeff", "copy": "a-token-of-the-hss", "imsi": "001010000000001"}
    request = HttpRequest(method="POST", path="/prov", query=(("a", "1"), ("a", "2")), body="json", content=content)
    reply = await world.exchange.send(a_call(request=request, secrets=frozenset({content["ki"]})))
    sent = dict(reply.sent or {})
    assert sent.pop("headers")["authorization"] == "Bearer ***"
    assert sent == {
        "method": "POST",
        "url": "http://hss.example:8080/api/prov?a=1&a=2",
        "path": "/prov",
        "query": {"a": ["1", "2"]},
        "json": content,
    }
    assert world.masker.value(sent, {content["ki"]})["json"] == content | {"ki": "***", "copy": "***"}, "when recorded"


@pytest.mark.parametrize("path", ["/subscriber/..", "/subscriber/%2E%2e/admin", "/./x"])
async def test_a_path_that_would_lead_elsewhere_is_an_error_of_ours_and_is_not_sent(world, path):
    with pytest.raises(OursFailed, match="another place"):
        await world.exchange.send(a_call(request=HttpRequest(method="GET", path=path)))
    assert world.asked == []


# --- the cache stands outside -----------------------------------------------------------------------------------------


async def test_two_quick_changes_never_end_in_the_first_ones_data(world):
    state = {"blocked": False}
    world.answer = lambda call, request: world.reply(body=dict(state))
    world.at(1)
    first = await world.exchange.send(a_call(cache_s=5, not_before=NOON))
    state["blocked"] = True
    world.at(2)
    second = await world.exchange.send(a_call(cache_s=5, not_before=NOON + timedelta(seconds=1.5)))
    assert (first.body, second.body) == ({"blocked": False}, {"blocked": True})
    assert len(world.asked) == 2


async def test_one_event_in_many_pipelines_asks_once(world):
    world.at(1)
    calls = (world.exchange.send(a_call(cache_s=5, not_before=NOON)) for _ in range(5))
    await asyncio.gather(*calls)
    later = await world.exchange.send(a_call(cache_s=5, not_before=NOON))
    assert (len(world.asked), later.source) == (1, "cache")


async def test_dispatch_is_never_cached_and_other_arguments_are_another_question(world):
    world.at(1)
    await world.exchange.send(a_call(not_before=NOON))
    await world.exchange.send(a_call(not_before=NOON))
    await world.exchange.send(a_call(not_before=NOON, cache_s=5, arguments_sha="a"))
    await world.exchange.send(a_call(not_before=NOON, cache_s=5, arguments_sha="b"))
    assert len(world.asked) == 4


async def test_a_script_may_switch_cache_and_limits_off(catalog):
    world = World(catalog, cached=False, limited=False)
    calls = (world.exchange.send(a_call(cache_s=5, not_before=NOON)) for _ in range(5))
    await asyncio.gather(*calls)
    assert len(world.asked) == 5
    assert world.clock.now() == NOON


# --- permits ----------------------------------------------------------------------------------------------------------


async def test_a_slot_comes_back_however_the_call_ends(world):
    def fails(call: Call, request: HttpRequest) -> Reply:
        raise OursFailed("the script is wrong")

    right, world.answer = world.answer, fails
    for _ in range(3):
        with pytest.raises(OursFailed):
            await world.exchange.send(a_call())
    task = asyncio.create_task(world.exchange.send(a_call()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    world.answer = right
    assert (await world.exchange.send(a_call())).status == 200


# --- holds ------------------------------------------------------------------------------------------------------------


async def test_a_held_connector_makes_its_calls_wait_and_no_others(world):
    world.exchange.hold("hss", "maintenance until noon")
    with pytest.raises(Wait, match="maintenance until noon"):
        await world.exchange.send(a_call())
    assert (await world.exchange.send(a_call("other"))).status == 200
    world.exchange.release("hss")
    assert (await world.exchange.send(a_call())).status == 200


async def test_it_reaches_real_systems_when_nothing_stands_in_for_them(catalog):
    hss = replace(catalog.connectors["hss"], base_url="http://127.0.0.1:1")
    exchange = Exchange(replace(catalog, connectors={"hss": hss}), VirtualClock(NOON), Masker())
    reply = await exchange.send(a_call())
    await exchange.close()
    assert (reply.error, reply.detail) == ("connect", "connection refused by 127.0.0.1:1")
    assert (reply.sent or {})["url"] == "http://127.0.0.1:1/subscriber"
