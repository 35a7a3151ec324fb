"""One operation, alone or made of steps; and what is not done again."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from scripted import (
    NOW,
    Delivery,
    World,
    argument,
    catalog,
    connector,
    defaulted,
    ended,
    event,
    expr,
    mapped,
    operation,
    pipeline,
    rule,
    step,
    tree,
    words,
)

from engine.connector import RequestTemplate
from engine.errors import Wait

A = operation("a", argument("v?"))
B = operation("b", argument("v?"))
LOOP = step("a", for_each="data.variables.l", with_={"v": "item"})


def delivery(world: World, *steps: Any, operations: Any = (A, B), **more: Any) -> Delivery:
    return Delivery(catalog(connector(*operations, config={"c": 1}), pipeline(*steps)), world, **more)


async def test_a_call_carries_all_that_the_exchange_needs() -> None:
    secret = operation("a", argument("ki", secret=True), reply="text")
    world = World()
    await delivery(world, step("a", with_={"ki": "'abcdef'"}), operations=[secret]).attempt()
    (call,) = world.calls
    assert (call.connector, call.operation, call.step, call.reads, call.read_only) == ("sys", "a", "a", "text", False)
    assert (call.trace_id, call.not_before, call.cache_s) == ("00000000000000aa", NOW, 0)
    assert call.secrets == {"abcdef"}
    assert call.scope["args"] == {"ki": "abcdef"}
    assert call.scope["idempotency_key"] == call.idempotency_key


async def test_secret_arguments_are_known_to_the_trace() -> None:
    secret = operation("a", argument("ki", secret=True))
    ending = await delivery(World(), step("a", with_={"ki": "'abcdef'"}), operations=[secret]).attempt()
    assert ending.trace.secrets == {"abcdef"}


async def test_a_request_sees_args_config_session_item_and_the_key() -> None:
    body = tree({n: f"{{{{ {n} }}}}" for n in ("args", "config", "session", "item", "idempotency_key")})
    seen = operation("a", argument("v"), request=RequestTemplate(method="POST", path=words("/"), json=body))
    world = World()
    await delivery(world, step("a", for_each="`[7]`", with_={"v": "item"}), operations=[seen]).attempt()
    key = world.calls[0].idempotency_key
    assert world.sent() == [
        {"args": {"v": 7}, "config": {"c": 1}, "session": {"access_token": "t"}, "item": 7, "idempotency_key": key}
    ]


async def test_a_request_that_does_not_read_the_session_fails_before_anything_is_sent() -> None:
    broken = operation("a", request=RequestTemplate(method="GET", path=words("/{{ args.nothing }}", "url")))
    world = World()
    ending = await delivery(world, step("a"), operations=[broken]).attempt()
    assert (ending.kind, ending.ours, world.calls) == ("failed", True, [])


async def test_the_connectors_headers_go_with_every_request() -> None:
    parts = connector(A, headers={"accept": words("text/x; v={{ config.c }}")}, config={"c": 2})
    world = World()
    await ended(world, parts, pipeline(step("a")))
    assert world.requests[0].headers == (("accept", "text/x; v=2"),)


async def test_the_trace_tells_request_reply_and_verdict() -> None:
    world = World(a={"status": 201, "body": {"id": 1}, "text": '{"id": 1}', "headers": {"x": "y"}, "took_s": 0.25,
                     "source": "script", "sent": {"method": "POST", "path": "/a"}})  # fmt: skip
    ending = await delivery(world, step("a")).attempt()
    (call,) = ending.trace.steps[0].calls
    assert (call.step, call.verdict, call.source, call.took_s) == ("a", "ok", "script", 0.25)
    assert call.request == {"method": "POST", "path": "/a"}
    assert call.reply == {"status": 201, "headers": {"x": "y"}, "body": {"id": 1}}


# --- made of operations -----------------------------------------------------------------------------------------------

FIND = operation(
    "find",
    argument("imsi"),
    read_only=True,
    verdicts=[rule("ok", "status == `404`", case="missing"), rule("fail", "status == `403`", "no")],
)
CREATE = operation("create", argument("imsi"), argument("enabled"), result="body.id")
CHANGE = operation("change", argument("id"), argument("enabled"), result="body.id")
UPSERT = operation(
    "upsert",
    argument("imsi", {"type": "string"}),
    defaulted("enabled", {"type": "boolean"}, True),
    steps=[
        step("find", "found"),
        step("create", "created", when="steps.found.case == 'missing'"),
        step(
            "change",
            "changed",
            {"id": "steps.found.result.id", "enabled": "args.enabled"},
            when="steps.found.case != 'missing'",
        ),
    ],
    result="steps.created.result || steps.changed.result",
)
PARTS = (FIND, CREATE, CHANGE, UPSERT, B)
GIVEN = {"imsi": "`100`"}


async def test_an_operation_made_of_steps_takes_its_arguments_and_hands_them_on_by_name() -> None:
    world = World(find={"status": 404})
    ending = await delivery(world, step("upsert", with_=GIVEN), operations=PARTS).attempt()
    assert ending.kind == "delivered"
    assert world.sent() == [{"imsi": "100"}, {"imsi": "100", "enabled": True}]
    assert [call.step for call in world.calls] == ["upsert/found", "upsert/created"]


async def test_its_result_is_what_it_says_and_its_case_the_last_run_steps() -> None:
    world = World(find={"body": {"id": 5}}, change={"body": {"id": 5}})
    after = step("b", with_={"v": "[steps.upsert.verdict, to_string(steps.upsert.result), steps.upsert.case]"})
    await delivery(world, step("upsert", with_=GIVEN), after, operations=PARTS).attempt()
    assert world.sent("b") == [{"v": ["ok", "5", None]}]


async def test_it_ends_with_the_verdict_of_the_step_that_stopped_it() -> None:
    for status, kind in ((403, "failed"), (500, "retry")):
        world = World(find={"status": status})
        ending = await delivery(world, step("upsert", with_=GIVEN), operations=PARTS).attempt()
        assert (ending.kind, ending.status, len(world.calls)) == (kind, status, 1)


async def test_it_is_skip_if_all_its_steps_were() -> None:
    none = operation("none", steps=[step("a", when="`false`"), step("b", when="`false`")])
    ending = await delivery(World(), step("none"), operations=(A, B, none)).attempt()
    assert ending.kind == "skipped"


async def test_without_a_result_it_is_the_last_run_steps() -> None:
    both = operation("both", steps=[step("a"), step("b"), step("a", "c", when="`false`")])
    world = World(b={"body": 7})
    await delivery(
        world, step("both"), step("b", "after", {"v": "steps.both.result"}), operations=(A, B, both)
    ).attempt()
    assert world.sent("b")[-1] == {"v": 7}


async def test_its_steps_see_only_what_is_theirs() -> None:
    seen = operation("seen", argument("x"), steps=[step("a", with_={"v": "[args.x, config.c, vars, data, item]"})])
    world = World()
    loop = step("seen", for_each="`[1]`", with_={"x": "'y'"})
    await delivery(world, loop, operations=(A, B, seen)).attempt()
    assert world.sent() == [{"v": ["y", 1, None, None, None]}]


async def test_its_calls_are_told_where_it_stands() -> None:
    ending = await delivery(World(find={"status": 404}), step("upsert", with_=GIVEN), operations=PARTS).attempt()
    (told,) = ending.trace.steps
    assert [(call.step, call.case) for call in told.calls] == [("upsert/found", "missing"), ("upsert/created", None)]


# --- not done again ---------------------------------------------------------------------------------------------------


async def test_a_call_that_succeeded_is_not_repeated_and_its_outcome_is_remembered() -> None:
    made = operation("a", argument("v?"), verdicts=[rule("ok", case="new")])
    world = World(a={"status": 201, "body": {"id": 4}}, b=[{"status": 503}, {}])
    seen = "[steps.a.case, to_string(steps.a.status), to_string(steps.a.result.id), steps.a.verdict]"
    walk = delivery(world, step("a"), step("b", with_={"v": seen}), operations=(made, B))
    assert (await walk.attempt(killed=True)).kind == "retry"
    ending = await walk.attempt()
    assert (ending.kind, len(world.sent("a"))) == ("delivered", 1)
    assert world.sent("b")[1] == {"v": ["new", "201", "4", "ok"]}
    assert ending.trace.steps[0].calls[0].source == "remembered"


async def test_with_other_arguments_it_is_made_again() -> None:
    world = World(b=[{"status": 503}, {}])
    walk = delivery(world, step("a", with_={"v": "now"}), step("b"))
    await walk.attempt()
    walk.work = type(walk.work)(
        **{name: getattr(walk.work, name) for name in walk.work.__slots__} | {"now": NOW.replace(hour=13)}
    )
    await walk.attempt()
    assert [one["v"][11:13] for one in world.sent("a")] == ["12", "13"]


class Changing:
    """A step whose argument is set from outside, between attempts."""

    def __init__(self, world: World) -> None:
        self.value: Any = "A"
        value = replace(expr("data"), text="outside", evaluate=lambda _scope: self.value)
        self.walk = delivery(world, replace(step("a"), arguments={"v": value}), step("b"))

    async def attempt(self, value: Any, killed: bool = False) -> None:
        self.value = value
        await self.walk.attempt(killed)


async def test_what_changes_and_changes_back_is_sent_all_three_times() -> None:
    world = World(b={"status": 503})
    flow = Changing(world)
    for value in "ABABB":
        await flow.attempt(value, killed=True)
    assert [one["v"] for one in world.sent("a")] == ["A", "B", "A", "B"]


async def test_a_change_that_may_have_been_taken_makes_what_was_sent_before_old() -> None:
    world = World(a=[{}, {"error": "timeout"}, {}], b={"status": 503})
    flow = Changing(world)
    for value in "ABA":
        await flow.attempt(value, killed=True)
    assert [one["v"] for one in world.sent("a")] == ["A", "B", "A"]


async def test_items_are_known_by_what_they_send_not_by_place() -> None:
    world = World(b={"status": 503})
    walk = delivery(world, LOOP, step("b"), event=event(variables={"l": ["p", "q"]}))
    await walk.attempt(killed=True)
    walk.work = _with_items(walk, ["q", "new", "p"])
    await walk.attempt(killed=True)
    assert [one["v"] for one in world.sent("a")] == ["p", "q", "new"]


async def test_equal_items_are_each_sent() -> None:
    world = World(a=[{}, {}, {"status": 503}, {}])
    walk = delivery(world, LOOP, event=event(variables={"l": ["p", "p", "p"]}))
    await walk.attempt(killed=True)
    await walk.attempt(killed=True)
    keys = [call.idempotency_key for call in world.calls]
    assert len(keys) == 4
    assert len(set(keys)) == 3, "the third was tried twice with the same key"
    assert keys[2] == keys[3]


async def test_an_item_that_left_and_came_back_is_sent_again() -> None:
    world = World(b={"status": 503})
    walk = delivery(world, LOOP, step("b"), event=event(variables={"l": ["p", "q"]}))
    for items in (["p", "q"], ["changed p", "q"], ["p", "q"]):
        walk.work = _with_items(walk, items)
        await walk.attempt()
    assert [one["v"] for one in world.sent("a")] == ["p", "q", "changed p", "p"]


async def test_items_not_reached_this_time_are_still_not_repeated() -> None:
    world = World(a=[{}, {}, {"status": 503}, {}], b={"status": 503})
    walk = delivery(world, LOOP, step("b"))
    for items in (["p", "q"], ["new", "p", "q"], ["new", "p", "q"]):
        walk.work = _with_items(walk, items)
        await walk.attempt()
    assert [one["v"] for one in world.sent("a")] == ["p", "q", "new", "new"]


def _with_items(walk: Delivery, items: list[str]) -> Any:
    return replace(walk.work, event=event(variables={"l": items}))


async def test_steps_of_an_operation_are_remembered_too() -> None:
    world = World(find={"status": 404}, create={"body": {"id": 1}}, b=[{"status": 503}, {}])
    walk = delivery(world, step("upsert", with_=GIVEN), step("b"), operations=PARTS)
    await walk.attempt(killed=True)
    assert (await walk.attempt()).kind == "delivered"
    assert (len(world.sent("find")), len(world.sent("create"))) == (2, 1), "reads are always asked anew"


async def test_what_did_not_succeed_is_repeated() -> None:
    for answer in ({"status": 404}, {"status": 503}):
        gone = operation("a", argument("v?"), verdicts=[rule("skip", "status == `404`", "gone")])
        world = World(a=answer, b={"status": 503})
        walk = delivery(world, step("a", optional=True), step("b"), operations=(gone, B))
        await walk.attempt()
        await walk.attempt()
        assert len(world.sent("a")) == 2


async def test_the_last_call_costs_no_durable_write_of_its_own() -> None:
    walk = delivery(World(), step("a"))
    await walk.attempt(killed=True)
    assert walk.keep.steps == ()


async def test_only_calls_that_others_follow_are_kept_on_the_way() -> None:
    walk = delivery(World(), LOOP, step("b"), event=event(variables={"l": ["p", "q"]}))
    ending = await walk.attempt(killed=True)
    assert [done.step for done in walk.keep.steps] == ["a", "a"]
    assert [done.step for done in ending.done] == ["a", "a", "b"], "the ending tells all"


async def test_reads_are_not_kept() -> None:
    read = operation("a", read_only=True)
    walk = delivery(World(), step("a"), step("b"), operations=(read, B))
    await walk.attempt()
    assert [done.step for done in walk.keep.steps] == ["b"]


async def test_a_wait_keeps_what_was_done() -> None:
    world = World(b=[Wait(NOW, "limit"), {}])
    walk = delivery(world, step("a"), step("b"))
    assert (await walk.attempt(killed=True)).kind == "wait"
    await walk.attempt()
    assert len(world.sent("a")) == 1


# --- idempotency keys -------------------------------------------------------------------------------------------------


async def test_the_idempotency_key_is_a_uuid_and_the_same_over_attempts() -> None:
    world = World(a=[{"status": 503}, {}])
    walk = delivery(world, step("a"))
    await walk.attempt()
    await walk.attempt()
    first, second = (call.idempotency_key for call in world.calls)
    assert first == second
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", first)


async def test_another_step_delivery_or_argument_has_another_key() -> None:
    world = World()
    for id_ in (1, 2):
        await delivery(world, step("a"), step("a", "again"), step("a", "with", {"v": "`1`"}), id_=id_).attempt()
    assert len({call.idempotency_key for call in world.calls}) == 6


async def test_items_a_request_reads_tell_its_calls_apart() -> None:
    reads = operation("a", request=RequestTemplate(method="POST", path=words("/{{ item }}", "url")))
    world = World(b={"status": 503})
    walk = delivery(world, step("a", for_each="`[1, 2]`"), step("b"), operations=(reads, B))
    await walk.attempt()
    assert [request.path for request in world.requests] == ["/1", "/2", "/b"]
    assert len({call.idempotency_key for call in world.calls}) == 3


async def test_map_values_reach_the_call_converted() -> None:
    typed = operation("a", argument("imsi", {"type": "string"}), argument("n", {"type": "integer"}))
    world = World()
    await ended(world, connector(typed), pipeline(step("a"), map=mapped(imsi="`12`", n="'34'")))
    assert world.sent() == [{"imsi": "12", "n": 34}]
