"""Facts to vars, and skip rules."""

from __future__ import annotations

from typing import Any

import pytest
from scripted import expr, failing, mapped, pipeline, skip, step

from engine.errors import OursFailed
from engine.map import Skipped, known_search_keys, map_facts, search_keys


def scope(**more: Any) -> dict[str, Any]:
    return {"data": {"a": 1, "n": None}, "config": {}, **more}


def flow(*skips: Any, search: dict[str, str] | None = None, **entries: Any) -> Any:
    return pipeline(step("x"), map=mapped(**entries), skip=skips, search=search or {})


def test_later_entries_may_use_earlier_ones() -> None:
    seen = scope()
    assert map_facts(flow(one="data.a", two="vars.one"), seen) is None
    assert seen["vars"] == {"one": 1, "two": 1}


def test_a_null_entry_is_an_error_that_says_what_to_write() -> None:
    with pytest.raises(OursFailed) as failed:
        map_facts(flow(number="data.n"), scope())
    assert str(failed.value) == (
        "pipelines/p.yaml:7:3: map entry `number` came out null: data.n; if it may be, write `number?`"
    )


def test_a_null_entry_with_a_question_mark_is_null() -> None:
    seen = scope()
    map_facts(flow(number_="data.n"), seen)
    assert seen["vars"] == {"number": None}


@pytest.mark.parametrize("value", ["`false`", "`0`", "''", "`[]`", "`{}`"])
def test_empty_is_not_null(value: str) -> None:
    map_facts(flow(x=value), scope())


def test_the_first_skip_rule_that_holds_ends_it_with_its_reason() -> None:
    rules = (skip("data.n", "no"), skip("data.a", "a is {{ data.a }}"), skip("`true`", "later"))
    found = map_facts(flow(*rules), scope())
    assert found == Skipped(rules[1], "a is 1")


def test_a_skip_rule_without_reason_tells_its_expression() -> None:
    found = map_facts(flow(skip("data.a")), scope())
    assert found is not None
    assert found.reason == "`skip` rule: data.a"


def test_a_skip_rule_decides_before_a_later_entry_that_would_fail() -> None:
    found = map_facts(flow(skip("!(vars.imsi)", "no IMSI"), imsi_="data.n", number="data.n"), scope())
    assert found is not None
    assert found.reason == "no IMSI"


def test_entries_before_the_one_it_names_are_not_worked_out_for_it() -> None:
    assert map_facts(flow(skip("!(vars.imsi)", "no IMSI"), bad=failing(), imsi_="data.n"), scope()) is not None


def test_what_a_rule_names_is_worked_out_with_all_that_needs() -> None:
    found = map_facts(flow(skip("vars.c == `1`"), a="data.a", bad=failing(), b="vars.a", c="vars.b"), scope())
    assert found is not None


def test_a_rule_that_reads_vars_as_a_whole_needs_all_of_them() -> None:
    with pytest.raises(OursFailed):
        map_facts(flow(skip("length(keys(vars)) > `9`"), a="data.a", bad=failing()), scope())


def test_an_entry_a_rule_needs_and_that_fails_is_an_error() -> None:
    with pytest.raises(OursFailed):
        map_facts(flow(skip("vars.bad"), bad=failing()), scope())


def test_a_reason_may_name_entries_the_condition_does_not() -> None:
    found = map_facts(flow(skip("data.a", "for {{ vars.x }}"), x="data.a"), scope())
    assert found is not None
    assert found.reason == "for 1"


def test_what_only_a_reason_names_and_fails_reads_as_nothing() -> None:
    found = map_facts(flow(skip("data.a", "for {{ vars.x }}"), x="data.n"), scope())
    assert found is not None
    assert found.reason == "for"


def test_when_no_rule_holds_the_rest_is_mapped_in_the_order_written() -> None:
    seen = scope()
    assert map_facts(flow(skip("vars.c == `2`"), a="data.a", b="vars.a", c="data.a"), seen) is None
    assert list(seen["vars"]) == ["a", "b", "c"]


def test_each_entry_is_worked_out_once() -> None:
    count: list[int] = []

    def run(_scope: Any) -> Any:
        count.append(1)
        return 1

    entry = expr("data.a")
    counted = type(entry)(text="x", reads=entry.reads, evaluate=run)
    map_facts(flow(skip("vars.x == `2`"), skip("vars.x == `3`"), x=counted), scope())
    assert len(count) == 1


def test_search_keys_are_text_and_null_ones_left_out() -> None:
    seen = scope(vars={"i": 5, "t": "a", "b": True, "l": ["x"], "n": None})
    keys = search_keys(flow(search={name: f"vars.{name}" for name in "itbln"}), seen)
    assert keys == {"i": "5", "t": "a", "b": "true", "l": '["x"]'}


def test_a_delivery_that_ends_early_is_found_by_the_keys_that_can_be_worked_out() -> None:
    early = flow(search={"a": "vars.a", "bad": "vars.bad", "n": "data.n"}, a="data.a", bad=failing())
    assert known_search_keys(early, scope()) == {"a": "1"}
