"""Events to facts."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from scripted import (
    NOW,
    Delivery,
    World,
    argument,
    ask,
    catalog,
    connector,
    ended,
    enrichment,
    event,
    failing,
    mapped,
    operation,
    pipeline,
    rule,
    step,
)

from engine.errors import ClaimLost, OursFailed, Wait

GET = operation("get", argument("i_account?"), argument("key?"), read_only=True)


def asking(*enrichments: Any, operations: Any = (), optional: tuple[str, ...] = (), **flow: Any) -> list[Any]:
    asks = tuple(ask(one.name, optional=one.name in optional) for one in enrichments)
    parts = connector(GET, operation("send"), *operations, *enrichments, config={"table": {"Y": True}})
    return [parts, pipeline(step("send"), enrich=asks, **flow)]


async def test_each_block_is_the_shaped_result_without_nulls_at_every_depth() -> None:
    world = World(get={"body": {"a": 1, "b": None, "c": [{"d": None, "e": ""}, None], "f": {"g": None}}})
    ending = await ended(world, *asking(enrichment("info", "get", shape="result")))
    assert ending.trace.pb_data == {"info": {"a": 1, "c": [{"e": ""}], "f": {}}}


async def test_without_shape_the_result_stays_as_it_is() -> None:
    ending = await ended(World(get={"body": {"b": None}}), *asking(enrichment("info", "get")))
    assert ending.trace.pb_data == {"info": {"b": None}}


async def test_a_null_result_is_a_null_block_and_no_error() -> None:
    shape = failing("the shape of nothing")
    ending = await ended(World(get={"body": None}), *asking(enrichment("info", "get", shape=shape)))
    assert (ending.kind, ending.trace.pb_data) == ("delivered", {"info": None})


async def test_a_skip_verdict_is_a_null_block() -> None:
    gone = operation("find", read_only=True, verdicts=[rule("skip", "status == `404`")])
    ending = await ended(World(find={"status": 404}), *asking(enrichment("info", "find"), operations=[gone]))
    assert (ending.kind, ending.trace.pb_data) == ("delivered", {"info": None})


async def test_a_false_when_asks_nothing_and_is_a_null_block() -> None:
    world = World()
    ending = await ended(world, *asking(enrichment("info", "get", when="data.variables.i_sim_card")))
    assert (ending.trace.pb_data, world.sent("get")) == ({"info": None}, [])
    assert (ending.trace.enrichments[0].asked, ending.trace.enrichments[0].why_not) == (False, "its `when` is false")


async def test_with_says_what_is_asked() -> None:
    world = World()
    await ended(world, *asking(enrichment("info", "get", with_={"key": "data.variables.i_env"})))
    assert world.sent("get") == [{"key": 3}]


async def test_without_with_arguments_come_by_name_from_the_events_variables() -> None:
    world = World()
    await ended(world, *asking(enrichment("info", "get")))
    assert world.sent("get") == [{"i_account": 277147}]


async def test_a_shape_sees_result_the_envelope_and_its_own_connectors_config() -> None:
    shape = "{r: result.x, t: data.event_type, c: lookup(config.table, 'Y'), now: now, h: handler_id}"
    ending = await ended(
        World(get={"body": {"x": 1}}),
        *asking(enrichment("info", "get", shape=shape)),
        config={"table": {"Y": "not mine"}},
    )
    assert ending.trace.pb_data == {
        "info": {"r": 1, "t": "SIM/Updated", "c": True, "now": "2026-03-01T12:00:00.000000+00:00", "h": "p"}
    }


async def test_those_that_can_run_together_do_and_who_waits_gets_what_it_waits_for() -> None:
    both = asyncio.Barrier(2)

    async def meet(call: Any) -> Any:
        if call.step != "enrich/sys.c":
            await both.wait()  # neither a nor b is answered before the other was asked
        return {"body": {"id": call.step[-1]}}

    world = World(get=meet)
    enrichments = [
        enrichment("c", "get", with_={"key": "join('+', [pb_data.a.id, pb_data.b.id])"}),
        enrichment("a", "get"),
        enrichment("b", "get"),
    ]
    async with asyncio.timeout(5):
        ending = await ended(world, *asking(*enrichments))
    assert world.sent("get")[-1] == {"key": "a+b"}
    assert list(ending.trace.pb_data or ()) == ["c", "a", "b"], "in the pipeline's order"


@pytest.mark.parametrize(("status", "kind"), [(503, "retry"), (422, "failed")])
async def test_a_retry_or_fail_ends_the_attempt_and_nothing_is_sent(status: int, kind: str) -> None:
    refused = operation("ask", read_only=True, verdicts=[rule("fail", "status == `422`", "never")])
    world = World(ask={"status": status, "headers": {"retry-after": "9"}})
    ending = await ended(world, *asking(enrichment("info", "ask"), operations=[refused]))
    assert (ending.kind, ending.status, world.sent("send")) == (kind, status, [])
    assert ending.retry_after_s == (9 if kind == "retry" else None)


@pytest.mark.parametrize("answer", [{"status": 503}, {"error": "timeout"}, {"status": 422}])
async def test_optional_is_null_on_fail_or_retry(answer: Any) -> None:
    refused = operation("ask", read_only=True, verdicts=[rule("fail", "status == `422`", "never")])
    parts = asking(enrichment("info", "ask"), operations=[refused], optional=("info",))
    ending = await ended(World(ask=answer), *parts)
    assert (ending.kind, ending.trace.pb_data) == ("delivered", {"info": None})
    assert ending.trace.enrichments[0].verdict in ("retry", "fail")


async def test_optional_does_not_hide_an_error_of_ours() -> None:
    parts = asking(enrichment("info", "get", shape=failing("broken")), optional=("info",))
    ending = await ended(World(get={"body": 1}), *parts)
    assert (ending.kind, ending.ours, ending.reason) == ("failed", True, "pipelines/p.yaml:7:3: broken")


async def test_of_several_problems_the_first_in_order_counts_however_fast_they_are() -> None:
    gate = asyncio.Event()

    async def slow(call: Any) -> Any:
        await gate.wait()
        return {"status": 500, "body": {"error": "slow one"}}

    async def fast(call: Any) -> Any:
        gate.set()
        return {"status": 501, "body": {"error": "fast one"}}

    more = [operation("slow", read_only=True), operation("fast", read_only=True)]
    parts = asking(enrichment("a", "slow"), enrichment("b", "fast"), operations=more)
    ending = await ended(World(slow=slow, fast=fast), *parts)
    assert ending.reason == "HTTP 500 from sys.slow: slow one"


async def test_who_waits_for_an_unanswered_one_is_not_asked() -> None:
    world = World(get={"status": 503})
    parts = asking(enrichment("a", "get"), enrichment("b", "get", when="pb_data.a"))
    ending = await ended(world, *parts)
    assert (ending.kind, len(world.sent("get"))) == ("retry", 1)
    assert ending.trace.enrichments[1].why_not == "what it waits for was not answered"


async def test_a_wait_ends_it_without_blame() -> None:
    ending = await ended(World(get=Wait(NOW, "limit of sys")), *asking(enrichment("a", "get"), enrichment("b", "get")))
    assert (ending.kind, ending.reason, ending.wait_until) == ("wait", "limit of sys", NOW)


async def test_a_lost_claim_is_raised_plainly_and_leaves_no_task_behind() -> None:
    never = asyncio.Event()

    async def hang(_call: Any) -> Any:
        await never.wait()

    more = [operation("hang", read_only=True)]
    parts = asking(enrichment("a", "hang"), enrichment("b", "get"), operations=more)
    before = asyncio.all_tasks()
    with pytest.raises(ClaimLost, match="not yours"):
        await ended(World(get=ClaimLost("not yours"), hang=hang), *parts)
    assert asyncio.all_tasks() == before


async def test_an_event_that_brought_its_facts_keeps_them_and_nothing_is_asked() -> None:
    world = World()
    parts = asking(enrichment("info", "get"), map=mapped(x="pb_data.info.x"))
    ending = await ended(world, *parts, event=event(source="nsps", facts={"info": {"x": 1, "y": None}}))
    assert (ending.kind, world.sent("get"), ending.trace.vars) == ("delivered", [], {"x": 1})
    assert ending.trace.pb_data == {"info": {"x": 1, "y": None}}
    assert ending.trace.enrichments[0].why_not == "the event brought its facts"


async def test_an_envelope_without_facts_is_not_enriched_either() -> None:
    world = World()
    await ended(world, *asking(enrichment("info", "get")), event=event(source="nsps"))
    assert world.sent("get") == []


async def test_a_question_may_be_cached_but_only_since_receipt_and_since_the_attempt_before() -> None:
    world = World(send={"status": 503})
    delivery = Delivery(catalog(*asking(enrichment("info", "get", cache_s=5.0))), world)
    await delivery.attempt()
    ended_at = delivery.work.previous_ended_at
    await delivery.attempt()
    questions = [call for call in world.calls if call.operation == "get"]
    assert [(call.cache_s, call.not_before) for call in questions] == [(5.0, NOW), (5.0, ended_at)]
    assert all(call.cache_s == 0 for call in world.calls if call.operation == "send")


async def test_an_argument_that_is_missing_is_an_error_of_ours() -> None:
    need = operation("need", argument("other"), read_only=True)
    ending = await ended(World(), *asking(enrichment("info", "need"), operations=[need]))
    assert (ending.kind, ending.ours) == ("failed", True)


async def test_updated_at_is_when_the_last_answer_came() -> None:
    world = World(get={"asked_at": NOW.replace(minute=30), "took_s": 1.5})
    ending = await ended(world, *asking(enrichment("info", "get"), map=mapped(x="updated_at")))
    assert ending.trace.vars == {"x": "2026-03-01T12:30:01.500000+00:00"}


async def test_a_request_that_cannot_be_rendered_is_an_error_of_ours() -> None:
    ending = await ended(World(get=OursFailed("no session.token")), *asking(enrichment("info", "get")))
    assert (ending.kind, ending.ours, ending.trace.enrichments[0].reason) == ("failed", True, "no session.token")
