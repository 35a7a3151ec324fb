"""One attempt, from the event to its ending."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
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
    skip,
    step,
    tree,
    words,
)

from engine.connector import RequestTemplate
from engine.delivery import Ending
from engine.errors import ClaimLost, OursFailed, Wait

ACCOUNT = operation("get_account", argument("i_account", {"type": "integer"}), read_only=True)
SYNC = operation(
    "sync",
    argument("imsi", {"type": "string", "pattern": "^[0-9]{15}$"}),
    argument("granted", {"type": "boolean"}),
    connector="hss",
    verdicts=[rule("retry", "body.result == `false`", "{{ body.error }}")],
)
INFO = enrichment(
    "account", "get_account", connector="pb", with_={"i_account": "data.variables.i_account"}, shape="result"
)
PB = connector(operation("get_account", argument("i_account"), connector="pb", read_only=True), INFO, name="pb")
HSS = connector(SYNC, name="hss")
FLOW = pipeline(
    step("hss.sync"),
    enrich=(ask("account", connector="pb"),),
    map=mapped(imsi_="pb_data.account.imsi", granted="!(pb_data.account.blocked)", number="pb_data.account.number"),
    skip=(
        skip("!(vars.imsi)", "IMSI is empty or not provided"),
        skip("vars.imsi == '999'", "not ours: {{ vars.imsi }}", answer=404),
    ),
    search={"imsi": "vars.imsi", "number": "vars.number"},
)
FOUND = {"body": {"imsi": "001010000000017", "blocked": False, "number": "15550100042"}}


def world(account: Any = FOUND, sync: Any = None) -> World:
    return World(get_account=account, sync=sync or {"body": {"result": True}})


async def the_end(of: World, **more: Any) -> Ending:
    return await ended(of, PB, HSS, FLOW, **more)


async def test_what_was_asked_is_mapped_and_sent() -> None:
    here = world()
    ending = await the_end(here)
    assert (ending.kind, ending.reason) == ("delivered", "")
    assert here.sent("get_account") == [{"i_account": 277147}]
    assert here.sent("sync") == [{"imsi": "001010000000017", "granted": True}]
    assert ending.trace.vars == {"imsi": "001010000000017", "granted": True, "number": "15550100042"}
    assert ending.trace.search == {"imsi": "001010000000017", "number": "15550100042"}
    assert [one.verdict for one in ending.trace.enrichments] == ["ok"]
    assert [one.call for one in ending.trace.steps] == ["hss.sync"]


async def test_a_skip_rule_ends_it_before_anything_is_sent() -> None:
    here = world({"body": {"imsi": "", "number": "1"}})
    ending = await the_end(here)
    assert (ending.kind, ending.reason, here.sent("sync")) == ("skipped", "IMSI is empty or not provided", [])
    assert ending.trace.skipped_by == "!(vars.imsi)"
    assert ending.trace.search == {"imsi": "", "number": "1"}, "people look for it all the same"


async def test_a_skip_rule_may_say_the_senders_answer() -> None:
    ending = await the_end(world({"body": {"imsi": "999"}}))
    assert (ending.kind, ending.reason, ending.answer) == ("skipped", "not ours: 999", 404)


async def test_an_error_of_ours_is_final_with_its_place() -> None:
    ending = await the_end(world({"body": {"imsi": "001010000000017"}}))
    assert (ending.kind, ending.ours) == ("failed", True)
    assert ending.reason.startswith("pipelines/p.yaml:7:3: map entry `number` came out null")
    assert ending.trace.vars == {"imsi": "001010000000017", "granted": True}, "what there was is told"


async def test_an_argument_its_system_would_refuse_is_final_and_not_sent() -> None:
    here = world({"body": {"imsi": "12", "number": "1"}})
    ending = await the_end(here)
    assert (ending.kind, ending.ours, here.sent("sync")) == ("failed", True, [])
    assert 'argument `imsi` of hss.sync: "12" does not match' in ending.reason


async def test_a_retry_says_why_and_keeps_what_the_reply_asked_for() -> None:
    ending = await the_end(world(sync={"status": 503, "headers": {"retry-after": "120"}, "body": {"error": "down"}}))
    assert (ending.kind, ending.reason, ending.retry_after_s) == ("retry", "HTTP 503 from hss.sync: down", 120)
    assert (ending.status, ending.fault) == (503, None)


async def test_a_rules_reason_stands_as_it_is() -> None:
    assert (await the_end(world(sync={"body": {"result": False, "error": "busy"}}))).reason == "busy"


async def test_a_fault_is_told_with_the_ending() -> None:
    ending = await the_end(world(sync={"error": "timeout"}))
    assert (ending.kind, ending.fault, ending.status) == ("retry", "timeout", None)


async def test_a_wait_is_nobodys_fault() -> None:
    ending = await the_end(world(sync=Wait(NOW, "breaker of hss is open")))
    assert (ending.kind, ending.reason, ending.wait_until) == ("wait", "breaker of hss is open", NOW)


async def test_a_lost_claim_is_raised() -> None:
    with pytest.raises(ClaimLost):
        await the_end(world(sync=ClaimLost("gone")))


async def test_the_next_attempt_reads_and_maps_everything_anew() -> None:
    later = {"body": {"imsi": "001010000000017", "blocked": True, "number": "1"}}
    here = World(get_account=[FOUND, later], sync=[{"status": 503}, {"body": {}}])
    delivery = Delivery(catalog(PB, HSS, FLOW), here)
    await delivery.attempt()
    assert (await delivery.attempt()).kind == "delivered"
    assert [one["granted"] for one in here.sent("sync")] == [True, False]


async def test_map_sees_exactly_the_envelope_config_and_now() -> None:
    roots = ["event_id", "data", "pb_data", "handler_id", "created_at", "updated_at", "status", "config", "now"]
    seen = mapped(**{name: name for name in roots})
    ending = await ended(World(), connector(operation("x")), pipeline(step("x"), map=seen), config={"a": 1})
    assert ending.trace.vars == {
        "event_id": "7b1d0c52-5a55-4f0e-9a9e-2c1f6f1f3f10",
        "data": {"event_type": "SIM/Updated", "variables": {"i_env": 3, "i_event": 7, "i_account": 277147}},
        "pb_data": {},
        "handler_id": "p",
        "created_at": "2026-03-01T12:00:00.000000+00:00",
        "updated_at": "2026-03-01T12:00:00.000000+00:00",
        "status": "queued",
        "config": {"a": 1},
        "now": "2026-03-01T12:00:00.000000+00:00",
    }


async def test_a_search_expression_that_fails_is_an_error_of_ours() -> None:
    flow = pipeline(step("x"), search={"n": "split(data.variables.i_account, ',')[0]"})
    ending = await ended(World(), connector(operation("x")), flow)
    assert (ending.kind, ending.ours) == ("failed", True)


async def test_the_facts_of_an_envelope_go_straight_to_map() -> None:
    here = world()
    ending = await the_end(
        here, event=event(source="nsps", facts={"account": {"imsi": "001010000000017", "number": "1"}})
    )
    assert (ending.kind, here.sent("get_account")) == ("delivered", [])


async def test_a_reason_never_tells_a_secret_though_a_system_repeats_it() -> None:
    echo = operation("echo", argument("ki", secret=True))
    here = World(echo={"status": 400, "body": {"error": "Ki deadbeef01 refused for client-password-9"}})
    known = replace(
        catalog(connector(echo), pipeline(step("echo", with_={"ki": "'deadbeef01'"}))),
        secrets=frozenset({"client-password-9"}),
    )
    ending = await Delivery(known, here).attempt()
    assert ending.reason == "HTTP 400 from sys.echo: Ki *** refused for ***"


# --- whatever comes ---------------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 10**12)
    | st.sampled_from([2**80, "\ud800"])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["error", "message", "detail", "id", "list", "x", ""]), inner, max_size=4)
    ),
    max_leaves=12,
)
REPLIES = st.fixed_dictionaries(
    {},
    optional={
        "status": st.none() | st.integers(100, 599) | st.sampled_from(["00000", "HY000"]),
        "headers": st.dictionaries(st.sampled_from(["retry-after", "x"]), st.text(max_size=12), max_size=2),
        "body": JSON,
        "text": st.text(max_size=30),
        "error": st.sampled_from([None, "connect", "timeout", "lost", "unreadable"]),
        "took_s": st.floats(0, 60),
    },
)
GOOD = st.fixed_dictionaries(
    {
        "body": st.fixed_dictionaries(
            {"id": st.sampled_from([1, 2, "a", "x", None]), "list": st.lists(JSON, max_size=3), "x": JSON}
        )
    }
)
PROBLEMS = st.sampled_from([Wait(NOW, "limit"), OursFailed("no session.token"), ClaimLost("gone")])
EFFECTS = st.one_of(GOOD, GOOD, GOOD, GOOD, REPLIES, REPLIES, PROBLEMS)
VARIABLES = st.dictionaries(st.sampled_from(["i_account", "list", "i_event"]), JSON, max_size=3)

READ = operation("read", argument("v?"), read_only=True, connector="w", result="body.list[0].id || body")
POST = operation(
    "post",
    argument("v?", {"type": ["string", "integer", "array", "null"]}),
    connector="w",
    verdicts=[
        rule("skip", "body.id == 'x'", "{{ body.id }}"),
        rule("fail", "contains(body.list, 'x')", "no {{ body.list[0] }}"),
    ],
    request=RequestTemplate(
        method="POST",
        path=words("/{{ args.v | default('none') }}", "url"),
        json=tree({"v": "{{ args.v | default(omit) }}"}),
    ),
)
BOTH = operation(
    "both",
    argument("v?"),
    connector="w",
    steps=[step("w.read", "r"), step("w.post", "c", {"v": "steps.r.result"}, optional=True)],
)
WILD = pipeline(
    step("w.post", "first", {"v": "vars.id"}, once="vars.id || 'none'"),
    step("w.both", for_each="vars.many", with_={"v": "item"}),
    step("w.post", "last", {"v": "steps.both.result"}, when="steps.first.verdict != 'skip'"),
    enrich=(ask("a", connector="w"), ask("b", connector="w", optional=True)),
    map=mapped(id_="pb_data.a.id", many_="pb_data.b.list || data.variables.list", odd_="keys(pb_data.a)"),
    skip=(skip("vars.id == `1`", "{{ vars.id }}"),),
    search={"id": "vars.id"},
)
WIDE = connector(
    READ,
    POST,
    BOTH,
    enrichment("a", "read", connector="w", shape="result"),
    enrichment("b", "read", connector="w", with_={"v": "pb_data.a.x"}),
    name="w",
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    reads=st.lists(EFFECTS, min_size=1, max_size=6),
    posts=st.lists(EFFECTS, min_size=1, max_size=6),
    variables=VARIABLES,
)
async def test_whatever_replies_come_it_ends_in_one_ending_and_raises_nothing_but_claim_lost(
    reads: list[Any], posts: list[Any], variables: dict[str, Any]
) -> None:
    delivery = Delivery(catalog(WIDE, WILD), World(read=reads, post=posts), event=event(variables=variables))
    for _ in range(3):
        try:
            ending = await delivery.attempt()
        except ClaimLost:
            return
        assert ending.kind in ("delivered", "skipped", "failed", "retry", "wait")
        assert ending.reason or ending.kind == "delivered"
        assert (ending.wait_until is not None) is (ending.kind == "wait")
        assert ending.ours is False or ending.kind == "failed"
        if ending.kind not in ("retry", "wait"):
            return


async def test_a_failing_expression_anywhere_fails_the_delivery() -> None:
    flows = [
        pipeline(step("x"), map=mapped(a=failing())),
        pipeline(step("x"), skip=(skip(failing()),)),
        pipeline(step("x", when=failing())),
        pipeline(step("x", for_each=failing())),
        pipeline(step("x", once=failing())),
    ]
    for flow in flows:
        here = World()
        ending = await ended(here, connector(operation("x")), flow)
        assert (ending.kind, ending.ours, here.calls) == ("failed", True, [])
