"""Compiling expressions: what is refused and how, what they read, and values built by YAML structure."""

from __future__ import annotations

import pytest

from engine.errors import OursFailed
from engine.expressions.compile import compile_expression, constant, list_of, object_of
from engine.expressions.invalid import ExpressionInvalid
from engine.place import Place


@pytest.mark.parametrize(
    ("text", "offset", "length", "note"),
    [
        ("x == 5", 5, 1, "a number goes in backticks: `5`"),
        ("x == -5.5", 5, 2, "a number goes in backticks: `-5.5`"),
        ("a[?b > 15]", 7, 2, "a number goes in backticks: `15`"),
        ("a = b", 2, 1, "write == to compare"),
        ("a and b", 2, 3, "write && for and"),
        ("not a", 4, 1, "write !(…) for not"),
        ("a in b", 2, 2, "write contains(list, value)"),
        ("a + b", 2, 1, "there is no +"),
        ("`gold`", 0, 1, "write text as 'text'"),
        ("'abc", 0, 1, "end the text with a quote"),
        ("{{ a }}", 1, 1, "write it without {{ }}"),
        ("fnd(a, &b, 'c')", 0, 3, "did you mean find?"),
        ("a && concat(a, b)", 5, 6, "write join('', [a, b])"),
        ("a && &b", 5, 1, "& goes before an argument"),
    ],
)
def test_a_mistake_is_placed_and_told_what_to_write(text: str, offset: int, length: int, note: str) -> None:
    with pytest.raises(ExpressionInvalid) as refused:
        compile_expression(text)
    assert (refused.value.offset, refused.value.length) == (offset, length)
    assert any(note in each for each in refused.value.notes)


@pytest.mark.parametrize(
    "text",
    ["", "  ", "(", "a[", "a.", "a b", "a..b", "f(a b)", "max(a,)", "{a: b c: d}", "{a: }", "[a", "a |", "a | | b", "1", "a.5",
     "a[1:2:3:4]", '"a"(b)', "(a)(b)", "`NaN`", "`01`", "a\x00", "9" * 5000, "a[" + "9" * 5000 + "]"],
)  # fmt: skip
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(ExpressionInvalid) as refused:
        compile_expression(text)
    assert 0 <= refused.value.offset <= len(text)


@pytest.mark.parametrize(
    "text",
    ["a" * 20_000, "(" * 5_000, "(" * 200 + "a" + ")" * 200, "!" * 10_000 + "a", "a" + "||a" * 4_000, "a" + ".*" * 4_000,
     "a" + "[]" * 5_000, "a" + "[*]" * 4_000, "a" + "|a" * 5_000, "[" * 3_000, "{a:" * 2_000, "abs(" * 2_000, "&" * 9_000,
     "`" + "[" * 9_000 + "`", "a[?" * 2_000],
)  # fmt: skip
def test_an_expression_too_long_or_deep_is_refused_in_words(text: str) -> None:
    with pytest.raises(ExpressionInvalid):
        compile_expression(text)


def test_a_long_chain_of_keys_is_fine() -> None:
    assert compile_expression("a" + ".a" * 2_000).evaluate({}) is None


def test_if_and_find_parse_as_the_language_writes_them() -> None:
    scope = {"vars": {"open": True, "number": "1", "profiles": [{"name": "cs_profile", "value": "p"}]}}
    assert compile_expression("if(vars.open, [vars.number], `[]`)").evaluate(scope) == ["1"]
    assert compile_expression("find(vars.profiles, &name, 'cs_profile').value || 'd'").evaluate(scope) == "p"


@pytest.mark.parametrize(
    ("text", "outer", "inner"),
    [
        ("data.variables.i_account", {"data.variables.i_account"}, set()),
        ("vars.open && !(pb_data.account_info.blocked)", {"vars.open", "pb_data.account_info.blocked"}, set()),
        ("split(pb_data.account_info.id, '@')[0]", {"pb_data.account_info.id"}, set()),
        ("find(vars.profiles, &name, vars.wanted).value", {"vars.profiles", "vars.wanted"}, {"name"}),
        ("vars.p[0].data.x", {"vars.p"}, set()),
        ("vars.p[?id == vars.id].data", {"vars.p"}, {"id", "vars.id"}),
        ("vars.p[*].{v: vars.x}", {"vars.p"}, {"vars.x"}),
        ("vars | data.x", {"vars"}, {"data.x"}),
        ("@.vars.x", {"vars.x"}, set()),
        ("vars.p[?@.status]", {"vars.p"}, set()),
        ("{a: vars.x, b: [item, index]}", {"vars.x", "item", "index"}, set()),
        ("vars.p[]", {"vars.p"}, set()),
        ("(a.b).c[0]", {"a.b.c"}, set()),
        ("`5`", set(), set()),
    ],
)
def test_an_expression_says_which_paths_it_reads(text: str, outer: set[str], inner: set[str]) -> None:
    expression = compile_expression(text)
    assert {".".join(path) for path in expression.reads} == outer
    assert {".".join(path) for path in expression.inner_reads} == inner


def test_structure_of_yaml_builds_values_and_joins_what_they_read() -> None:
    value = object_of(
        {"imsi": compile_expression("vars.imsi"), "all": list_of([compile_expression("vars.n"), constant(True)])}
    )
    assert value.evaluate({"vars": {"imsi": "001", "n": 5}}) == {"imsi": "001", "all": [5, True]}
    assert value.reads == {("vars", "imsi"), ("vars", "n")}
    assert value.roots == {"vars"}


def test_a_failure_inside_structure_points_at_its_own_line() -> None:
    there = Place("p.yaml", 12, 11)
    value = object_of({"a": constant(1), "b": compile_expression("upper(n)", there)}, Place("p.yaml", 10, 3))
    with pytest.raises(OursFailed) as failed:
        value.evaluate({"n": 5})
    assert failed.value.place == there
