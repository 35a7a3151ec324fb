"""Steps, one after another."""

from __future__ import annotations

from typing import Any

import pytest
from scripted import (
    NOW,
    World,
    argument,
    connector,
    ended,
    event,
    failing,
    mapped,
    operation,
    pipeline,
    rule,
    step,
)

from engine.dispatch import SKIPPED_BY_WHEN
from engine.errors import Wait

X = operation(
    "x", argument("a?"), verdicts=[rule("fail", "status == `422`", "never"), rule("skip", "status == `404`", "gone")]
)
Y = operation("y", argument("a?"))


def sending(*steps: Any, operations: Any = (), **flow: Any) -> list[Any]:
    return [connector(X, Y, *operations), pipeline(*steps, **flow)]


async def test_steps_run_in_order_and_all_ok_is_delivered() -> None:
    world = World()
    ending = await ended(world, *sending(step("y"), step("x")))
    assert (ending.kind, [call.step for call in world.calls]) == ("delivered", ["y", "x"])


async def test_without_with_arguments_come_by_name_from_vars() -> None:
    world = World()
    await ended(world, *sending(step("x"), map=mapped(a="`1`", b="`2`")))
    assert world.sent() == [{"a": 1}]


async def test_with_names_exactly_what_is_given() -> None:
    world = World()
    await ended(world, *sending(step("x", with_={}), step("y", with_={"a": "`5`"}), map=mapped(a="`1`")))
    assert world.sent() == [{}, {"a": 5}]


async def test_a_step_sees_verdict_case_status_and_result_of_those_before() -> None:
    made = operation("made", verdicts=[rule("ok", case="new", result="body.id")])
    world = World(made={"status": 201, "body": {"id": 9}})
    seen = "[steps.first.verdict, steps.first.case, to_string(steps.first.status), to_string(steps.first.result)]"
    await ended(world, *sending(step("made", "first"), step("x", with_={"a": seen}), operations=[made]))
    assert world.sent("x") == [{"a": ["ok", "new", "201", "9"]}]


async def test_a_false_when_is_skip_with_a_null_result() -> None:
    world = World()
    seen = "[steps.x.verdict, type(steps.x.result)]"
    ending = await ended(world, *sending(step("x", when="data.nothing"), step("y", with_={"a": seen})))
    assert (ending.kind, world.sent()) == ("delivered", [{"a": ["skip", "null"]}])
    assert ending.trace.steps[0].reason == SKIPPED_BY_WHEN


async def test_if_all_skip_the_delivery_ends_skipped_with_the_reasons() -> None:
    ending = await ended(World(x={"status": 404}), *sending(step("x"), step("y", when="`false`")))
    assert (ending.kind, ending.reason) == ("skipped", "gone; its `when` is false")


async def test_one_that_was_done_makes_it_delivered() -> None:
    assert (await ended(World(x={"status": 404}), *sending(step("x"), step("y")))).kind == "delivered"


@pytest.mark.parametrize(
    ("status", "kind", "reason"), [(503, "retry", "HTTP 503 from sys.x"), (422, "failed", "never")]
)
async def test_retry_or_fail_ends_the_run_there(status: int, kind: str, reason: str) -> None:
    world = World(x={"status": status})
    ending = await ended(world, *sending(step("x"), step("y")))
    assert (ending.kind, ending.reason, ending.status, world.sent("y")) == (kind, reason, status, [])


async def test_optional_reads_retry_and_fail_as_skip_and_goes_on() -> None:
    for answer in ({"status": 503, "body": {"a": 1}}, {"status": 422}, {"error": "lost"}):
        world = World(x=answer)
        seen = "[steps.x.verdict, type(steps.x.result)]"
        ending = await ended(world, *sending(step("x", optional=True), step("y", with_={"a": seen})))
        assert (ending.kind, world.sent("y")) == ("delivered", [{"a": ["skip", "null"]}])
        assert ending.trace.steps[0].reason.startswith("optional: ")


async def test_only_an_optional_step_that_fails_is_skipped() -> None:
    ending = await ended(World(x={"status": 422}), *sending(step("x", optional=True)))
    assert (ending.kind, ending.reason) == ("skipped", "optional: never")


async def test_optional_hides_neither_an_error_of_ours_nor_a_wait() -> None:
    ours = await ended(World(), *sending(step("x", when=failing("broken"), optional=True)))
    assert (ours.kind, ours.ours) == ("failed", True)
    assert (await ended(World(x=Wait(NOW, "limit")), *sending(step("x", optional=True)))).kind == "wait"


async def test_for_each_runs_its_call_for_each_item_in_order() -> None:
    world = World()
    loop = step("x", for_each="data.variables.l", with_={"a": "[item, to_string(index)]"})
    ending = await ended(world, *sending(loop), event=event(variables={"l": ["p", "q"]}))
    assert world.sent() == [{"a": ["p", "0"]}, {"a": ["q", "1"]}]
    assert [(one.item, one.index, one.verdict) for one in ending.trace.steps] == [("p", 0, "ok"), ("q", 1, "ok")]


async def test_the_result_of_for_each_is_the_list_of_results() -> None:
    world = World(x=[{"body": 1}, {"status": 404}, {"body": 3}])
    loop = step("x", for_each="`[1, 2, 3]`", with_={"a": "item"})
    await ended(world, *sending(loop, step("y", with_={"a": "steps.x.result"})))
    assert world.sent("y") == [{"a": [1, None, 3]}]


async def test_when_sees_item_and_index() -> None:
    world = World()
    await ended(
        world, *sending(step("x", for_each="`[1, 2, 3]`", when="item > `1` && index < `2`", with_={"a": "item"}))
    )
    assert world.sent() == [{"a": 2}]


@pytest.mark.parametrize("items", ["`[]`", "`null`"])
async def test_no_items_is_skip(items: str) -> None:
    ending = await ended(World(), *sending(step("x", for_each=items)))
    assert (ending.kind, ending.reason) == ("skipped", "`for_each` gave no items")


async def test_for_each_over_something_else_is_an_error_of_ours() -> None:
    ending = await ended(World(), *sending(step("x", for_each="'text'")))
    assert (ending.kind, ending.reason) == ("failed", "pipelines/p.yaml:7:3: `for_each` must give a list, not a text")


async def test_an_item_that_fails_ends_the_run_there() -> None:
    world = World(x=[{}, {"status": 503}])
    ending = await ended(world, *sending(step("x", for_each="`[1, 2, 3]`", with_={"a": "item"}), step("y")))
    assert (ending.kind, world.sent()) == ("retry", [{"a": 1}, {"a": 2}])


async def test_with_optional_each_item_is_skipped_alone() -> None:
    world = World(x=[{}, {"status": 503}, {}])
    loop = step("x", for_each="`[1, 2, 3]`", with_={"a": "item"}, optional=True)
    ending = await ended(world, *sending(loop))
    assert (ending.kind, len(world.sent())) == ("delivered", 3)


async def test_item_is_not_seen_by_the_steps_after() -> None:
    world = World()
    await ended(world, *sending(step("x", for_each="`[1]`"), step("y", with_={"a": "item"})))
    assert world.sent("y") == [{}]


async def test_answer_of_the_rule_that_ended_it_is_kept() -> None:
    found = operation("found", verdicts=[rule("retry", "status == `404`", "unknown", answer=404)])
    ending = await ended(World(found={"status": 404}), *sending(step("found"), operations=[found]))
    assert (ending.kind, ending.answer) == ("retry", 404)


async def test_answer_of_a_skip_verdict_is_kept_when_all_skip() -> None:
    found = operation("found", verdicts=[rule("skip", "status == `404`", "unknown", answer=404)])
    ending = await ended(World(found={"status": 404}), *sending(step("found"), operations=[found]))
    assert (ending.kind, ending.answer) == ("skipped", 404)


async def test_a_pipeline_without_steps_has_nothing_to_do() -> None:
    ending = await ended(World(), *sending())
    assert (ending.kind, ending.reason) == ("skipped", "there was nothing to do")


async def test_what_fails_is_told_on_its_step() -> None:
    ending = await ended(World(), *sending(step("y"), step("x", when=failing("broken"))))
    assert [(one.id, one.verdict) for one in ending.trace.steps] == [("y", "ok"), ("x", None)]
    assert ending.trace.steps[1].reason == "pipelines/p.yaml:7:3: broken"
