"""An offset inside a value is found in the file, through quotes, escapes, folds and indentation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.loading.source import parse


def found(text: str, needle: str) -> str:
    """The place of `needle` in the value of `a`, as line:column."""
    source = parse(text, "f.yaml")
    assert source.root is not None, source.problems
    node = source.root.value["a"]
    place = node.place_at(node.value.index(needle))
    return f"{place.line}:{place.column}"


@pytest.mark.parametrize(
    ("text", "needle", "place"),
    [
        ("a: vars.x == `5`\n", "==", "1:11"),
        ('a: "!(vars.x)"\n', "vars", "1:7"),
        ("a: 'it''s @x'\n", "@", "1:11"),
        ('a: "\\"q\\" @x"\n', "@", "1:11"),
        ('a: "\\u0041 \\t@x"\n', "@", "1:14"),
        ("a: >-\n  one\n  two @x\n", "@", "3:7"),
        ("a: >-  # why\n\n    one\n    @x\n", "@", "4:5"),
        ("a: |\n  one\n    @x\n", "@", "3:5"),
        ("a: one\n  two\n  @x\n", "@", "3:3"),
        ('a: "one\n  two\n  @x"\n', "@", "3:3"),
        ("b: é\na: é @x\n", "@", "2:6"),
    ],
)
def test_a_character_is_found_where_it_was_written(text: str, needle: str, place: str) -> None:
    assert found(text, needle) == place


def test_the_end_of_a_value_is_behind_its_last_character() -> None:
    source = parse('a: "xy"\n', "f.yaml")
    assert source.root is not None
    assert str(source.root.value["a"].place_at(2)) == "f.yaml:1:7"


def test_what_is_no_text_has_one_place() -> None:
    source = parse("a: [1, 2]\n", "f.yaml")
    assert source.root is not None
    assert source.root.value["a"].place_at(5) == source.root.value["a"].place


@given(st.lists(st.text("ab(.)@é漢", min_size=1, max_size=5), min_size=1, max_size=8))
def test_every_visible_character_of_a_folded_text_is_found(words: list[str]) -> None:
    lines = [f"  {word}" for word in words]
    text = "a: >-\n" + "\n".join(lines) + "\n"
    source = parse(text, "f.yaml")
    assert source.root is not None
    node = source.root.value["a"]
    for offset, char in enumerate(node.value):
        place = node.place_at(offset)
        if char != " ":
            assert source.text.split("\n")[place.line - 1][place.column - 1] == char
