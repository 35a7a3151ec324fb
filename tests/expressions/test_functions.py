"""The functions of the language: what they give, what they refuse, and how they say it."""

from __future__ import annotations

from typing import Any

import pytest

from engine.errors import OursFailed
from engine.expressions.compile import compile_expression
from engine.expressions.functions import FUNCTIONS
from engine.expressions.invalid import ExpressionInvalid
from engine.expressions.kinds import EXPRESSION
from engine.expressions.patterns import runs_away
from engine.place import Place

DATA: dict[str, Any] = {
    "id": "15550100042@msisdn",
    "n": 5,
    "time": "2025-05-01 12:30:45",
    "list": [{"name": "a", "on": True}, {"name": "b", "on": False}, {"name": "a", "on": 1}],
    "table": {"O": "open", "5": "five", "true": "yes"},
    "texts": ["x", None, "y"],
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("split(id, '@')[0]", "15550100042"),
        ("replace(time, ' ', 'T')", "2025-05-01T12:30:45"),
        ("matches(id, '^[0-9]+@')", True),
        ("matches(id, '^@')", False),
        ("lower('ÄB')", "äb"),
        ("upper('ab')", "AB"),
        ("trim('  a b ')", "a b"),
        ("digits('+1 (555) 01-00٣')", "15550100"),
        ("parse_time(time)", 1746102645),
        ("parse_time('2025-05-01T12:30:45.5+02:00')", 1746095445.5),
        ("parse_time('2025-05-01')", 1746057600),
        ("format_time(parse_time(time), '%Y%m%dT%H:%M:%SZ')", "20250501T12:30:45Z"),
        ("find(list, &name, 'b')", {"name": "b", "on": False}),
        ("find(list, &on, `true`).name", "a"),
        ("find(list, &on, `1`).on", 1),
        ("find(list, &name, 'z')", None),
        ("where(list, &name, 'a')[].on", [True, 1]),
        ("minus(['a', 'b', 'a', 'c'], ['a'])", ["b", "c"]),
        ("minus(`[1, true, 2]`, `[1]`)", [True, 2]),
        ("lookup(table, 'O')", "open"),
        ("lookup(table, n)", "five"),
        ("lookup(table, `true`)", "yes"),
        ("lookup(table, 'nothing')", None),
        ("join('-', texts)", "x-y"),
        ("join('-', `[]`)", ""),
        ("to_json(table.O)", '"open"'),
        ("to_json(nothing)", "null"),
        ("from_json('{\"a\": [1]}').a[0]", 1),
        ("base64('a:b')", "YTpi"),
        ("sha256('')", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("to_number('007')", 7),
        ("to_number('1.5e1')", 15.0),
        ("to_number('1_000')", None),
        ("to_number('nan')", None),
        ("to_string(list[0])", '{"name":"a","on":true}'),
        ("contains(`[1]`, `true`)", False),
        ("type(id)", "string"),
    ],
)
def test_a_function_gives(text: str, value: Any) -> None:
    found = compile_expression(text).evaluate(DATA)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("name", sorted(name for name, function in FUNCTIONS.items() if not function.sees_null))
def test_every_function_gives_null_for_null_in_any_argument(name: str) -> None:
    function = FUNCTIONS[name]
    takes = [("&a" if kind is EXPRESSION else "b") for kind in function.takes]
    for index, kind in enumerate(function.takes):
        if kind is EXPRESSION:
            continue
        arguments = [*takes[:index], "missing", *takes[index + 1 :]]
        assert compile_expression(f"{name}({', '.join(arguments)})").evaluate({"b": object()}) is None


def test_the_functions_that_see_null_are_those_the_language_names() -> None:
    assert {name for name, function in FUNCTIONS.items() if function.sees_null} == {
        "not_null", "if", "to_array", "type", "to_json",
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_the_example_of_every_function_compiles_and_uses_it(name: str) -> None:
    example = FUNCTIONS[name].example
    compile_expression(example)
    assert f"{name}(" in example


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("split(n, '@')", "split: argument 1 must be text, it is a number: 5. Write to_string(…) around it"),
        ("split(id, n)", "split: argument 2 must be text, it is a number: 5"),
        ("split(id, '')", "the separator, is empty"),
        ("replace(id, '', 'x')", "is empty"),
        ("matches(id, table.O)", None),
        ("sum(texts)", "sum: argument 1 must be a list of numbers; element 1 is text: \"x\""),
        ("sum(['1'])", "element 1 is text"),
        ("lookup(id, 'x')", "lookup: argument 1 must be an object, it is text"),
        ("parse_time('0000-00-00 00:00:00')", "parse_time: \"0000-00-00 00:00:00\" is no time"),
        ("format_time(`1e20`, '%Y')", "out of range"),
        ("from_json(id)", "from_json: argument 1 is not JSON"),
        ("sort_by(list, &on)", "sort_by: argument 2 must be a number for every element"),
        ("abs(id)", "abs: argument 1 must be a number, it is text: \"15550100042@msisdn\". Write to_number(…) around it"),
        ("join(n, texts)", "join: argument 1 must be text"),
        ("find(id, &name, 'x')", "find: argument 1 must be a list, it is text"),
        ("contains(id, n)", "contains: argument 2 must be text"),
    ],
)  # fmt: skip
def test_a_wrong_kind_is_an_error_that_names_function_argument_and_value(text: str, message: str | None) -> None:
    place = Place("pipelines/x.yaml", 7, 9)
    expression = compile_expression(text, place)
    if message is None:
        assert expression.evaluate(DATA) is False
        return
    with pytest.raises(OursFailed) as failed:
        expression.evaluate(DATA)
    assert message in failed.value.reason
    assert failed.value.place == place


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("matches(a, '(')", "is not a regular expression"),
        ("matches(a, '(a+)+$')", "repeats a repetition"),
        ("format_time(a, '%Q')", "%Q is no part of a time"),
        ("format_time(a, '%99999999d')", "is no part of a time"),
        ("lower(`5`)", "lower: argument 1 must be text, it is a number: 5"),
        ("find(a, name, 'x')", "find: argument 2 must be an expression, with & before it"),
        ("split(a)", "split takes 2 arguments, here it is given 1"),
        ("merge()", "merge takes at least 1 argument, here it is given 0"),
    ],
)
def test_what_can_be_seen_in_the_file_is_refused_when_it_is_loaded(text: str, message: str) -> None:
    with pytest.raises(ExpressionInvalid) as refused:
        compile_expression(text)
    assert message in refused.value.message


@pytest.mark.parametrize(
    ("pattern", "away"),
    [("(a+)+", True), (r"(\d*)*x", True), (r"(\d+\s*)+$", True), ("((a+))+", True), (r"^([a-z]+\.)+[a-z]+$", False),
     ("^[0-9]{15}$", False), ("(ab)+", False), ("(a|b)+", False), ("a+b+", False), ("(a{1,3}){2}", False)],
)  # fmt: skip
def test_a_pattern_that_repeats_a_repetition_is_recognised(pattern: str, away: bool) -> None:
    assert runs_away(pattern) is away


def test_what_grows_without_bound_is_refused() -> None:
    with pytest.raises(OursFailed, match="at most 4,194,304"):
        compile_expression("replace(a, 'x', b)").evaluate({"a": "x" * 10_000, "b": "y" * 10_000})
    with pytest.raises(OursFailed, match="can be searched"):
        compile_expression("matches(a, 'x')").evaluate({"a": "x" * 100_000})
