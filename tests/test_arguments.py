"""What an operation is called with."""

from __future__ import annotations

from typing import Any

import pytest
from scripted import PLACE, argument, defaulted, expr, operation

from engine.arguments import FORMATS, given, taken
from engine.connector import Argument
from engine.errors import OursFailed


def one(schema: dict[str, Any], value: Any, **more: Any) -> Any:
    return taken(operation("sync", argument("x", schema, **more)), {"x": value}, PLACE).values["x"]


def refusal(*args: Argument, **handed: Any) -> str:
    with pytest.raises(OursFailed) as failed:
        taken(operation("sync", *args), handed, PLACE)
    assert failed.value.place == PLACE
    return failed.value.reason


@pytest.mark.parametrize(
    ("kind", "value", "became"),
    [
        ("integer", "277147", 277147),
        ("integer", "-5", -5),
        ("integer", 5.0, 5),
        ("integer", 5, 5),
        ("string", 277147, "277147"),
        ("string", 1.5, "1.5"),
        ("string", True, "true"),
        ("string", "044123456", "044123456"),
        ("number", "12.50", 12.5),
        ("number", "3", 3),
        ("number", 3, 3),
        ("boolean", "true", True),
        ("boolean", "false", False),
        (["integer", "string"], "044", "044"),
        (["integer", "null"], "44", 44),
        ("array", [], []),
    ],
)
def test_a_value_becomes_its_declared_type_where_nothing_is_lost(kind: Any, value: Any, became: Any) -> None:
    found = one({"type": kind}, value)
    assert (found, type(found)) == (became, type(became))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("integer", "044"),
        ("integer", "+380441"),
        ("integer", "1e5"),
        ("integer", "1_000"),
        ("integer", " 5"),
        ("integer", "5.0"),
        ("integer", ""),
        ("integer", True),
        ("integer", 5.5),
        ("integer", "-0"),
        ("number", "0.10000000000000000000000001"),
        ("number", "nan"),
        ("number", False),
        ("boolean", "Y"),
        ("boolean", "True"),
        ("boolean", 1),
        ("string", ["a"]),
        ("string", {"a": 1}),
        ("array", "a"),
    ],
)
def test_what_would_lose_something_is_refused_with_the_value(kind: str, value: Any) -> None:
    assert refusal(argument("x", {"type": kind}), x=value).startswith("argument `x` of sys.sync: ")


def test_elements_and_members_are_converted_too() -> None:
    schema = {"type": "array", "items": {"type": "object", "properties": {"n": {"type": "string"}}}}
    assert one(schema, [{"n": 5, "other": 6}]) == [{"n": "5", "other": 6}]


def test_the_value_handed_over_is_not_changed() -> None:
    handed = [1, 2]
    assert one({"type": "array", "items": {"type": "string"}}, handed) == ["1", "2"]
    assert handed == [1, 2]


def test_a_value_that_breaks_its_schema_is_named_with_rule_and_place() -> None:
    said = refusal(argument("imsi", {"type": "string", "pattern": "^[0-9]{15}$"}, place=PLACE), imsi="12")
    assert said == 'argument `imsi` of sys.sync: "12" does not match "^[0-9]{15}$" (declared at pipelines/p.yaml:7:3)'


def test_the_wrong_element_is_pointed_at() -> None:
    said = refusal(argument("x", {"type": "array", "items": {"type": "string", "minLength": 2}}), x=["ab", "c"])
    assert "[1]: " in said


def test_a_secret_is_never_in_the_message() -> None:
    assert "deadbeef" not in refusal(argument("ki", {"pattern": "^x"}, secret=True), ki="deadbeef")


def test_a_missing_required_argument_is_named_with_what_to_write() -> None:
    said = refusal(argument("imsi", place=PLACE))
    assert said.startswith("argument `imsi` of sys.sync is missing")
    assert "`imsi?` at pipelines/p.yaml:7:3" in said


def test_null_counts_as_not_given() -> None:
    assert refusal(argument("imsi"), imsi=None)
    assert taken(operation("sync", argument("imsi?")), {"imsi": None}, PLACE).values == {}
    assert taken(operation("sync", defaulted("x", {}, [])), {"x": None}, PLACE).values == {"x": []}


@pytest.mark.parametrize("value", [False, 0, "", []])
def test_empty_values_are_given(value: Any) -> None:
    assert one({}, value) == value


def test_without_with_arguments_come_by_name_and_no_others() -> None:
    sync = operation("sync", argument("imsi"), argument("msisdn?"))
    assert given(sync, None, {}, {"imsi": "1", "other": 2}) == {"imsi": "1", "msisdn": None}


def test_with_it_exactly_those_it_names_are_given() -> None:
    sync = operation("sync", argument("imsi"), argument("msisdn?"))
    assert given(sync, {"imsi": expr("vars.a")}, {"vars": {"a": "1"}}, {"msisdn": "2"}) == {"imsi": "1"}


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        (
            "imsi",
            ["001010000000017", "310150"],
            ["00101000000001x", "0010100000000170", "12345", "", "001010000000017\n"],
        ),
        ("msisdn", ["15550100042", "911"], ["+15550100042", "015550", "1555010004212345", "1 555"]),
        (
            "iccid",
            ["8901410321111851000", "890141032111185100F", "89014103211118510720"],
            ["8901", "89014103211118510X"],
        ),
    ],
)
def test_telephone_formats(name: str, good: list[str], bad: list[str]) -> None:
    assert all(FORMATS[name](text) for text in good)
    assert not any(FORMATS[name](text) for text in bad)


def test_a_format_is_checked_and_its_meaning_told() -> None:
    said = refusal(argument("imsi", {"type": "string", "format": "imsi"}), imsi="x")
    assert '"x" is not an IMSI: 6 to 15 digits' in said


def test_known_formats_of_json_schema_are_checked() -> None:
    assert refusal(argument("at", {"type": "string", "format": "date-time"}), at="yesterday")


def test_secrets_are_collected_at_every_depth_as_text() -> None:
    keys = operation("sync", argument("keys", secret=True), argument("imsi"))
    found = taken(keys, {"keys": {"ki": "aa", "more": ["bb", 123, None, True]}, "imsi": "1"}, PLACE)
    assert found.secrets == {"aa", "bb", "123"}


def test_a_value_no_schema_can_hold_is_refused_not_a_crash() -> None:
    assert refusal(argument("x", {"type": "string"}), x="\ud800")
