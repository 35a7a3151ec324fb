"""Plain values as text."""

from __future__ import annotations

from typing import Any

import pytest

from engine.canonical import canonical
from engine.scalar import key_text, scalar_text
from engine.worked_out import WorkedOut


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (False, "false"),
        (5, "5"),
        (5.0, "5"),
        (1.5, "1.5"),
        ("05", "05"),
        ("", ""),
        (0, "0"),
        (1e300, "1e+300"),
    ],
)
def test_scalars_read_as_people_write_them(value: Any, text: str) -> None:
    assert scalar_text(value) == text


@pytest.mark.parametrize("value", [None, [], {}, [1]])
def test_what_is_no_scalar_has_no_text(value: Any) -> None:
    assert scalar_text(value) is None


def test_a_key_of_several_parts_is_the_same_for_equal_values() -> None:
    assert key_text({"b": 1, "a": [2, "x"]}) == key_text({"a": [2, "x"], "b": 1}) == '{"a":[2,"x"],"b":1}'


def test_numbers_beyond_64_bits_and_lone_surrogates_have_their_own_bytes() -> None:
    values = [{"n": 2**80}, {"n": 2**80 + 1}, {"n": "\ud800"}, {"n": "\ud801"}]
    assert len({canonical(value) for value in values}) == 4


def test_what_is_worked_out_is_worked_out_once_for_each_object() -> None:
    made: list[Any] = []
    lengths = WorkedOut(lambda thing: made.append(thing) or len(thing))
    one, equal = [1], [1]
    assert [lengths(one), lengths(one), lengths(equal)] == [1, 1, 1]
    assert len(made) == 2
