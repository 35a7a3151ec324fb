"""`nsps explain` and `nsps schema`."""

from __future__ import annotations

import json

import pytest

from engine.authoring.explain import explain, schema_text
from engine.errors import WrongUse


def test_a_code_is_explained_with_wrong_and_right() -> None:
    assert explain("NSPS105") == (
        "NSPS105: missing field\n"
        "\n"
        "A field that is needed is not there. The message says which, and what it may look like.\n"
        "\n"
        "wrong:\n"
        "    request: {method: POST}\n"
        "\n"
        "right:\n"
        "    request: {method: POST, path: /prov}"
    )


@pytest.mark.parametrize("spelling", ["nsps105", "105", " NSPS105 ", "NSPS-105"])
def test_a_code_is_found_however_it_is_spelled(spelling: str) -> None:
    assert explain(spelling).startswith("NSPS105: ")


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("NSPS119", "there is no code `NSPS119`; did you mean NSPS120 (file cannot be read)?"),
        ("unknown feild", "there is no code `unknown feild`; did you mean NSPS104 (unknown field)?"),
    ],
)
def test_an_unknown_code_is_answered_with_the_nearest(asked: str, answer: str) -> None:
    with pytest.raises(WrongUse) as refused:
        explain(asked)
    assert str(refused.value) == answer


def test_a_number_beyond_all_codes_is_answered_with_their_range() -> None:
    with pytest.raises(WrongUse, match="there is no code `NSPS999`; there are NSPS101 to NSPS"):
        explain("NSPS999")


@pytest.mark.parametrize("kind", ["nsps", "connector", "pipeline", "test"])
def test_a_schema_is_printed_as_json(kind: str) -> None:
    assert json.loads(schema_text(kind))["$id"] == f"{kind}.schema.json"


def test_a_schema_there_is_none_of_is_wrong_use() -> None:
    with pytest.raises(WrongUse, match="there is no schema `conector`; there are nsps, connector, pipeline, test"):
        schema_text("conector")
