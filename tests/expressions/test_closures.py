"""The closures select what the jmespath library's interpreter selects."""

from __future__ import annotations

import json
from typing import Any

import jmespath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jmespath.exceptions import JMESPathError

from engine.errors import OursFailed
from engine.expressions.compile import compile_expression
from engine.expressions.functions import FUNCTIONS
from engine.expressions.kinds import EXPRESSION

NAMES = st.sampled_from(["a", "b", "c", '"d e"'])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-2, 3)
    | st.sampled_from([0.0, 1.0, 2.5])
    | st.sampled_from(["", "a", "5", "é"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "b", "c", "d e"]), inner, max_size=4)
    ),
    max_leaves=12,
)
ROOTS = st.dictionaries(st.sampled_from(["a", "b", "c", "d e"]), VALUES, min_size=1, max_size=4)
LITERALS = st.builds(lambda value: "`" + json.dumps(value).replace("`", "\\`") + "`", VALUES) | st.sampled_from(
    ["'a'", "''", "'it\\'s'"]
)
TAILS = st.sampled_from(["", "[0]", "[-1]", "[1:]", "[::-1]", "[]", "[*]", ".*", "[?a]", "[?@ == `1`].b"])
OPERATORS = st.sampled_from(["==", "!=", "&&", "||", "|"])


def compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("({}){}".format, inner, TAILS),
        st.builds("({}).{}{}".format, inner, NAMES, TAILS),
        st.builds("({}).{}.{}{}".format, inner, NAMES, NAMES, TAILS),
        st.builds("({})[?{}].{}".format, inner, inner, NAMES),
        st.builds("({}) {} ({})".format, inner, OPERATORS, inner),
        st.builds("{} {} {}".format, inner, OPERATORS, inner),
        st.builds("!({})".format, inner),
        st.builds("!{}".format, inner),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("{{x: {}, y: {}}}".format, inner, inner),
        st.builds("({}).{{x: {}, y: @}}".format, inner, inner),
        st.builds("({}).[{}]".format, inner, inner),
        st.builds("({})[*].{}{}".format, inner, NAMES, TAILS),
        st.builds("({}).*.{}".format, inner, NAMES),
        st.builds("to_array({})".format, inner),
        st.builds("type({})".format, inner),
        st.builds("not_null({}, {})".format, inner, inner),
        st.builds("map(&({}), to_array({}))".format, inner, inner),
    )


PATHS = st.builds("{}{}".format, NAMES, TAILS) | st.builds("{}.{}{}".format, NAMES, NAMES, TAILS)
EXPRESSIONS = st.recursive(PATHS | LITERALS | st.just("@"), compound, max_leaves=6)


def same(left: Any, right: Any) -> bool:
    return json.dumps(left) == json.dumps(right)


@settings(max_examples=500, deadline=None)
@given(text=EXPRESSIONS, data=ROOTS)
def test_an_expression_selects_what_the_library_selects(text: str, data: dict[str, Any]) -> None:
    expected = jmespath.compile(text).search(data)
    assert same(compile_expression(text).evaluate(data), expected)


@settings(max_examples=300, deadline=None)
@given(left=PATHS | LITERALS, operator=st.sampled_from(["<", "<=", ">", ">="]), right=PATHS | LITERALS, data=ROOTS)
def test_an_order_comparison_is_the_library_s_and_null_where_text_meets_a_number(
    left: str, operator: str, right: str, data: dict[str, Any]
) -> None:
    text = f"{left} {operator} {right}"
    try:
        expected = jmespath.compile(text).search(data)
    except TypeError:
        expected = None
    assert same(compile_expression(text).evaluate(data), expected)


DIFFERENT_ON_PURPOSE = {"contains", "to_number", "to_string", "join"}
PLAIN = sorted(
    name for name, function in FUNCTIONS.items()
    if not function.ours and name not in DIFFERENT_ON_PURPOSE and EXPRESSION not in function.takes
)  # fmt: skip


def without_nulls(value: Any) -> bool:
    return value is not None


@settings(max_examples=500, deadline=None)
@given(name=st.sampled_from(PLAIN), values=st.lists(VALUES.filter(without_nulls), min_size=2, max_size=2))
def test_a_function_of_jmespath_gives_and_refuses_what_the_library_does(name: str, values: list[Any]) -> None:
    names = ["a", "b"][: len(FUNCTIONS[name].takes)]
    text, data = f"{name}({', '.join(names)})", dict(zip(["a", "b"], values, strict=True))
    try:
        expected = jmespath.compile(text).search(data)
    except JMESPathError:
        with pytest.raises(OursFailed, match=name):
            compile_expression(text).evaluate(data)
    else:
        assert same(compile_expression(text).evaluate(data), expected)


ROWS = st.lists(st.fixed_dictionaries({"a": st.integers(-3, 3)}, optional={"b": SCALARS}), max_size=5)


@settings(max_examples=300, deadline=None)
@given(name=st.sampled_from(["sort_by", "max_by", "min_by"]), key=st.sampled_from(["a", "b"]), rows=ROWS)
def test_a_function_by_an_expression_gives_and_refuses_what_the_library_does(
    name: str, key: str, rows: list[dict[str, Any]]
) -> None:
    text, data = f"{name}(rows, &{key})", {"rows": rows}
    try:
        expected = jmespath.compile(text).search(data)
    except (JMESPathError, TypeError):
        with pytest.raises(OursFailed, match=name):
            compile_expression(text).evaluate(data)
    else:
        assert same(compile_expression(text).evaluate(data), expected)


@settings(max_examples=400, deadline=None)
@given(text=st.text(alphabet="ab.[]*?&|!(){}:,'\"`@ 0-5=<>\\", max_size=14))
def test_what_we_compile_the_library_compiles_too(text: str) -> None:
    from engine.expressions.invalid import ExpressionInvalid

    try:
        compile_expression(text)
    except ExpressionInvalid as invalid:
        assert 0 <= invalid.offset <= len(text)
    else:
        jmespath.compile(text)


def test_if_works_out_only_the_branch_it_takes() -> None:
    expression = compile_expression("if(a, 'yes', upper(b))")
    assert expression.evaluate({"a": 1, "b": 5}) == "yes"
    with pytest.raises(OursFailed, match="upper: argument 1 must be text, it is a number: 5"):
        expression.evaluate({"a": None, "b": 5})


def test_zero_holds_and_an_empty_text_does_not() -> None:
    expression = compile_expression("if(a, 'yes', 'no')")
    assert [expression.evaluate({"a": value}) for value in (0, "", [], {}, False, None, "0")] == [
        "yes", "no", "no", "no", "no", "no", "yes",
    ]  # fmt: skip


def test_not_of_zero_is_false_as_in_the_library() -> None:
    assert [compile_expression("!(a)").evaluate({"a": value}) for value in (0, 0.0, "", None, False, [0])] == [
        False, False, True, True, True, False,
    ]  # fmt: skip
