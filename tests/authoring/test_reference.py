"""What the documentation takes from the code: each part is there, whole, and put between its markers only."""

from __future__ import annotations

import pytest

from engine.authoring.reference import PARTS, generated, written
from engine.errors import WrongUse
from engine.expressions.functions import FUNCTIONS
from engine.loading.codes import codes
from engine.loading.roots import TITLES


def test_every_function_stands_in_its_table_with_an_example() -> None:
    table = generated("functions")
    for name, function in FUNCTIONS.items():
        row = next(line for line in table.splitlines() if line.startswith(f"| `{name}`("))
        assert function.example.replace("|", "\\|") in row


def test_every_place_where_names_are_looked_up_has_a_row() -> None:
    table = generated("roots")
    assert [title for title in TITLES.values() if title not in table] == []


def test_every_code_is_explained() -> None:
    text = generated("codes")
    assert [code for code in codes() if f"### {code}: " not in text] == []


def test_a_table_of_fields_says_what_is_required_and_what_a_field_defaults_to() -> None:
    lines = generated("fields nsps receive.espf").splitlines()
    assert lines[0] == "| Field | Value | Default | Meaning |"
    assert any(line.startswith("| `auth` | object | required | ") for line in lines)
    assert any(line.startswith("| `max_body` | size | `1MiB` | ") for line in lines)


def test_fields_behind_a_reference_are_told_by_what_they_are() -> None:
    lines = generated("fields connector").splitlines()
    assert any(line.startswith("| `verdicts` | list | ") for line in lines)
    assert any(line.startswith("| `reply` | `json`, `xml`, `text` | ") for line in lines)


def test_the_standard_policy_is_shown_delay_by_delay() -> None:
    row = next(line for line in generated("retries").splitlines() if "`standard`" in line)
    assert "5 s, 10 s, 20 s, 40 s, 80 s, 160 s, 320 s, 10 min × 142, 1 h, 2 h, 4 h, 8 h, 16 h, 24 h × 28" in row


def test_only_what_stands_between_the_markers_is_replaced() -> None:
    page = "before\n\n<!-- generated: events -->\n\nold\n\n<!-- end -->\n\nafter\n"
    new = written(page)
    assert new.startswith("before\n\n<!-- generated: events -->\n\nGrouped: `Subscriber/Created`")
    assert new.endswith("\n\n<!-- end -->\n\nafter\n")
    assert written(new) == new


@pytest.mark.parametrize("name", [*PARTS])
def test_a_table_has_as_many_cells_in_each_row(name: str) -> None:
    rows = [line for line in generated(name).splitlines() if line.startswith("| ")]
    for line in rows:
        assert line.replace("\\|", "").count("|") in (3, 5), line


def test_a_part_that_nobody_writes_is_an_error_that_names_the_next_best() -> None:
    with pytest.raises(WrongUse, match="did you mean functions"):
        generated("function")


def test_a_schema_without_such_an_object_is_an_error() -> None:
    with pytest.raises(WrongUse, match=r"nsps\.schema\.json has no fields at receive\.mail"):
        generated("fields nsps receive.mail")
