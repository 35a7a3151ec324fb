"""`once`: never twice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from scripted import (
    NOW,
    Delivery,
    World,
    argument,
    catalog,
    connector,
    event,
    failing,
    operation,
    pipeline,
    rule,
    step,
)

from engine.delivery import Ending, OnceKey
from engine.errors import ClaimLost, OursFailed, Wait
from engine.keep_memory import OnceNotes

RULES = [rule("fail", "status == `422`", "no such number"), rule("retry", "status == `200` && body.busy", "busy")]
SMS = operation("sms", argument("to?"), verdicts=RULES)
NEXT = operation("next")
KEY = "data.variables.i_account"


class Case:
    """Deliveries that share their notes, one after another, each with an attempt or more."""

    def __init__(self, *answers: Any, operations: Any = (SMS, NEXT), steps: Any = None, nexts: Any = None) -> None:
        self.world = World(sms=list(answers) or [{}], next=nexts or [{}])
        self.notes = OnceNotes()
        self._catalog = catalog(connector(*operations), pipeline(*(steps or [step("sms", once=KEY)])))
        self._last = 0

    def delivery(self, id_: int | None = None, **more: Any) -> Delivery:
        self._last = id_ or self._last + 1
        return Delivery(self._catalog, self.world, id_=self._last, notes=self.notes, **more)

    async def ends(self, **more: Any) -> Ending:
        return await self.delivery(**more).attempt()

    @property
    def sent(self) -> int:
        return len(self.world.sent("sms"))


async def test_one_call_per_key_over_deliveries() -> None:
    case = Case()
    assert (await case.ends()).kind == "delivered"
    again = await case.ends()
    assert (again.kind, case.sent) == ("skipped", 1)
    assert again.reason == "its one call was made by delivery 1 at 2026-03-01 12:00:00 UTC"


async def test_another_key_is_another_call() -> None:
    case = Case()
    await case.ends()
    await case.ends(event=event(variables={"i_account": 5}))
    assert case.sent == 2


async def test_the_key_is_compared_as_text() -> None:
    case = Case()
    for account in (5, "5"):
        await case.ends(event=event(variables={"i_account": account}))
    assert case.sent == 1


async def test_the_intent_is_noted_before_the_call() -> None:
    case = Case()
    seen: list[str] = []

    async def look(_call: Any) -> Any:
        seen.extend(note.state for note in case.notes.notes.values())
        return {}

    case.world.answers["sms"] = [look]
    await case.ends()
    assert seen == ["intended"]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [({"status": 503}, "retry"), ({"body": {"busy": True}}, "retry"), ({"error": "connect"}, "retry")],
)
async def test_a_reply_judged_retry_and_nothing_sent_drop_the_note(answer: Any, kind: str) -> None:
    case = Case(answer, {})
    walk = case.delivery()
    assert (await walk.attempt()).kind == kind
    assert case.notes.notes == {}
    assert (await walk.attempt()).kind == "delivered"


@pytest.mark.parametrize("error", ["timeout", "lost"])
async def test_an_unknown_outcome_ends_failed_and_says_how_to_decide(error: str) -> None:
    case = Case({"error": error, "detail": "after 30 s"})
    ending = await case.ends(id_=12)
    assert (ending.kind, ending.unknown_once, ending.fault) == ("failed", "sms", error)
    assert "`nsps replay 12 --resend sms` or `nsps replay 12 --assume-done sms`" in ending.reason
    assert "after 30 s" in ending.reason


async def test_a_rule_cannot_make_an_unknown_outcome_known_by_calling_it_retry() -> None:
    eager = operation("sms", verdicts=[rule("retry", "error == 'timeout'", "again")])
    case = Case({"error": "timeout"}, operations=(eager,))
    assert (await case.ends()).unknown_once == "sms"


@pytest.mark.parametrize("answer", [{"status": 200, "error": "unreadable"}])
async def test_a_success_that_cannot_be_read_may_have_been_taken(answer: Any) -> None:
    assert (await Case(answer).ends()).unknown_once == "sms"


async def test_a_success_that_a_broken_rule_judges_may_have_been_taken() -> None:
    broken = operation("sms", verdicts=[rule("retry", failing())])
    assert (await Case({}, operations=(broken,)).ends()).unknown_once == "sms"


async def test_an_unreadable_refusal_was_not_taken() -> None:
    case = Case({"status": 503, "error": "unreadable"})
    assert ((await case.ends()).kind, case.notes.notes) == ("retry", {})


async def test_a_kill_leaves_it_unknown_and_the_next_attempt_fails() -> None:
    case = Case(ClaimLost("killed here"), {})
    walk = case.delivery()
    with pytest.raises(ClaimLost):
        await walk.attempt()
    ending = await walk.attempt()
    assert (ending.kind, ending.unknown_once, case.sent) == ("failed", "sms", 1)
    assert "delivery 1 began this call at 2026-03-01 12:00:00 UTC" in ending.reason


async def test_an_unknown_outcome_fails_other_deliveries_of_the_key_too() -> None:
    case = Case({"error": "timeout"}, {})
    await case.ends()
    assert ((await case.ends()).unknown_once, case.sent) == ("sms", 1)


async def test_while_another_delivery_is_at_it_this_one_waits() -> None:
    case = Case()
    case.notes.running.add(1)
    key = OnceKey(pipeline="p", step="sms", key="277147")
    await case.delivery(1).keep.intend(key)
    ending = await case.ends(id_=2)
    assert (ending.kind, case.sent) == ("wait", 0)
    assert ending.wait_until is not None
    assert 1 < (ending.wait_until - NOW).total_seconds() < 10


async def test_an_outcome_judged_fail_counts_as_made() -> None:
    case = Case({"status": 422}, {})
    assert (await case.ends()).kind == "failed"
    assert ((await case.ends()).kind, case.sent) == ("skipped", 1)


async def test_its_own_earlier_success_is_not_a_skip_and_keeps_its_result() -> None:
    steps = [step("sms", once=KEY), step("next", when="steps.sms.verdict == 'ok' && steps.sms.result == `7`")]
    case = Case({"body": 7}, steps=steps, nexts=[{"status": 503}, {}])
    walk = case.delivery()
    assert (await walk.attempt(killed=True)).kind == "retry"
    assert ((await walk.attempt()).kind, case.sent, len(case.world.sent("next"))) == ("delivered", 1, 2)


async def test_its_own_success_with_other_arguments_now_is_still_not_repeated() -> None:
    steps = [step("sms", once=KEY, with_={"to": "now"}), step("next")]
    case = Case({}, steps=steps, nexts=[{"status": 503}, {}])
    walk = case.delivery()
    await walk.attempt()
    walk.work = replace(walk.work, now=NOW.replace(hour=15))
    assert ((await walk.attempt()).kind, case.sent) == ("delivered", 1)


async def test_a_person_may_resend_what_is_unknown_once() -> None:
    case = Case({"error": "timeout"}, {"error": "timeout"}, {})
    await case.ends()
    replay = case.delivery(resend=frozenset({"sms"}))
    assert ((await replay.attempt()).unknown_once, case.sent) == ("sms", 2)
    assert (await replay.attempt()).unknown_once == "sms"
    assert case.sent == 2, "the decision was for one call, not for each attempt"
    assert (await case.ends(resend=frozenset({"sms"}))).kind == "delivered"


async def test_what_is_known_to_be_done_is_not_sent_again_even_if_told() -> None:
    case = Case()
    await case.ends()
    assert ((await case.ends(resend=frozenset({"sms"}))).kind, case.sent) == ("skipped", 1)


async def test_after_a_kill_a_person_may_resend() -> None:
    case = Case(ClaimLost("killed here"), {})
    with pytest.raises(ClaimLost):
        await case.ends()
    assert (await case.ends(resend=frozenset({"sms"}))).kind == "delivered"


async def test_a_person_may_say_that_it_is_done() -> None:
    case = Case({"error": "lost"})
    await case.ends()
    ending = await case.ends(assume_done=frozenset({"sms"}))
    assert (ending.kind, ending.reason) == ("skipped", "a person said that its one call was made")
    assert ((await case.ends()).kind, case.sent) == ("skipped", 1)


async def test_deciding_for_one_step_decides_nothing_for_another() -> None:
    case = Case({"error": "lost"})
    await case.ends()
    assert (await case.ends(resend=frozenset({"other"}))).unknown_once == "sms"


@pytest.mark.parametrize("problem", [Wait(NOW, "limit"), OursFailed("no session")])
async def test_what_keeps_it_from_being_sent_drops_the_note(problem: Any) -> None:
    case = Case(problem)
    await case.ends()
    assert case.notes.notes == {}


async def test_a_null_key_is_an_error_of_ours() -> None:
    ending = await Case(steps=[step("sms", once="data.nothing")]).ends()
    assert (ending.kind, ending.ours) == ("failed", True)
    assert "`once` came out null" in ending.reason


async def test_each_item_has_its_own_key() -> None:
    case = Case(steps=[step("sms", for_each="`[1, 2, 1]`", once="item")])
    assert ((await case.ends()).kind, case.sent) == ("delivered", 2)


async def test_optional_does_not_stop_at_an_unknown_outcome_and_never_sends_again() -> None:
    steps = [step("sms", once=KEY, optional=True), step("next")]
    case = Case({"error": "timeout"}, {}, steps=steps)
    first = await case.ends()
    assert (first.kind, first.unknown_once) == ("delivered", None)
    assert ((await case.ends()).kind, case.sent) == ("delivered", 1)


async def test_an_operation_whose_steps_all_skip_leaves_no_note() -> None:
    none = operation("none", steps=[step("sms", when="`false`")])
    case = Case(operations=(SMS, none), steps=[step("none", once=KEY)])
    assert ((await case.ends()).kind, case.notes.notes) == ("skipped", {})


async def test_a_false_when_notes_nothing() -> None:
    case = Case(steps=[step("sms", once=failing(), when="`false`")])
    assert ((await case.ends()).kind, case.notes.notes) == ("skipped", {})
