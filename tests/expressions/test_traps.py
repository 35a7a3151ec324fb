"""Traps: expressions that are valid and not meant are found, and nothing that is meant is."""

from __future__ import annotations

import pytest

from engine.expressions.compile import compile_expression
from engine.expressions.invalid import ExpressionInvalid
from engine.expressions.traps import CODES, traps

ROOTS = frozenset({"vars", "data", "config", "status", "result", "item", "body", "pb_data"})


@pytest.mark.parametrize(
    ("text", "code", "underlined", "note"),
    [
        ("!a.b", "NSPS301", "!a.b", "write !(a.b)"),
        ("c && !find(a, &b, 'c').d", "NSPS301", "!find(a, &b, 'c').d", "write !(find(a, &b, 'c').d)"),
        ("a[?n == 'x'].b[0]", "NSPS302", "[0]", "write a[?n == 'x'].b | [0]"),
        ("a[?n == 'x'][0]", "NSPS302", "[0]", "write a[?n == 'x'] | [0]"),
        ("a[?x].b[?y]", "NSPS303", "a[?x].b[?y]", "to filter within: a[?x].b[] | [?y]"),
        ("length(a) == '5'", "NSPS304", "length(a) == '5'", "write `5`"),
        ("upper(a) == `5`", "NSPS304", "upper(a) == `5`", "write '5'"),
        ("matches(a, 'x') == 'true'", "NSPS304", "matches(a, 'x') == 'true'", "write `true`"),
        ("[a] == 'x'", "NSPS304", "[a] == 'x'", ""),
        ("!a == 'x'", "NSPS304", "!a == 'x'", "write !(a == …), or !="),
        ("vars.p[?id == vars.id]", "NSPS305", "vars.id", "write find(list, &name, vars.id)"),
        ("vars.p[*].{v: config.x}", "NSPS305", "config.x", "if the element has a key config, write @.config.x"),
        ("vars.p | [0].{x: item}", "NSPS305", "item", ""),
        ("a == true", "NSPS306", "true", "write `true` in backticks"),
        ('a == "gold"', "NSPS307", '"gold"', "write 'gold'"),
        ('data.a || "gold"', "NSPS307", '"gold"', "write 'gold'"),
        ("length(a) > '5'", "NSPS308", "length(a) > '5'", "write `5`"),
        ("(a == b) > `5`", "NSPS308", "(a == b) > `5`", ""),
        ("upper(a)[?b]", "NSPS309", "upper(a)[?b]", ""),
    ],
)
def test_a_trap_is_found_placed_and_told_what_to_write(text: str, code: str, underlined: str, note: str) -> None:
    found = [trap for trap in traps(text, ROOTS) if trap.code == code]
    assert [text[trap.offset : trap.offset + trap.length] for trap in found] == [underlined]
    assert any(note in each for each in (*found[0].notes, ""))


@pytest.mark.parametrize(
    "text",
    [
        "!(a.b)", "!a[0]", "!matches(a, 'x')", "(a[?x].b)[0]", "a[?x].b | [0]", "a[?x].b[] | [?y]", "a[*].b[0]",
        "status == `200` && body == `null`", "body.result == `false` || body.error", "length(a) == `5`", "a == `[]`",
        "body.items[?status == 'x'].status", "find(vars.p, &id, vars.id).data.x", "vars.p[].status", "vars.p[?@.data.x]",
        "vars.p[0].data.x", 'a."key with space"', "to_number(a) > `5`", 'a.{b: c || "other-key"}',
        "result.list[].{name: name, from: replace(at, ' ', 'T')} || `[]`",
        "config.re && !(matches(vars.imsi, config.re))", "if(vars.open, [vars.number], `[]`)", "max(a) == 'x'",
    ],
)  # fmt: skip
def test_what_is_meant_is_no_trap(text: str) -> None:
    assert traps(text, ROOTS) == []


def test_every_code_has_its_words_and_each_is_in_our_range() -> None:
    for code, (title, explanation, right) in CODES.items():
        assert 301 <= int(code.removeprefix("NSPS")) <= 319
        assert title and explanation and right


@pytest.mark.parametrize("code", sorted(CODES))
def test_the_right_writing_of_a_code_is_an_expression_without_that_trap(code: str) -> None:
    for written in CODES[code][2].split("   "):
        text = written.strip().removeprefix("or").strip() if not written.strip().startswith("(or") else ""
        if text:
            compile_expression(text)
            assert not [trap for trap in traps(text, ROOTS) if trap.code == code]


def test_what_is_no_expression_is_refused_as_by_the_compiler() -> None:
    with pytest.raises(ExpressionInvalid):
        traps("a ==")
