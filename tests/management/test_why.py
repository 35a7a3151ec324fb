"""`nsps why`: for each pipeline, whether it takes an event, with the values its conditions saw."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.keyboard import Keyboard, sim, taken
from tests.target import PIPELINE, write_project

SECOND = PIPELINE.replace("pipeline: main", "pipeline: second").replace(
    "order:", "when: data.variables.i_account == `7`\norder:"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = write_project(tmp_path / "project")
    (folder / "pipelines/second.yaml").write_text(SECOND)
    return folder


def test_a_condition_is_told_with_its_place_and_what_it_saw(folder: Path, nsps: Keyboard) -> None:
    taken(folder, sim(8))
    said = nsps("why", "8").out
    assert "takes it  main" in said and "in lane main/1/8" in said
    assert "not taken second: " in said
    assert "when  data.variables.i_account == `7`   pipelines/second.yaml:3:7" in said
    assert "data.variables.i_account is 8" in said


def test_an_event_type_that_does_not_match_is_told_without_conditions_nobody_asked(
    folder: Path, nsps: Keyboard
) -> None:
    taken(folder, sim(8, "Account/New"))
    said = nsps("why", "8").out
    assert said.count("events SIM/*; this one is Account/New") == 2
    assert "i_account" not in said


@pytest.mark.parametrize(
    ("event_type", "note"),
    [
        ("sim/updated", "note: 'sim/updated' is not SIM/Updated: event types are compared letter by letter"),
        ("SIM/Updated ", "note: 'SIM/Updated ' is not SIM/Updated"),
        ("box/opened", "note: 'box/opened' is not Box/Opened"),
    ],
)
def test_a_type_that_differs_in_capitals_or_spaces_alone_is_noted(
    folder: Path, nsps: Keyboard, event_type: str, note: str
) -> None:
    (folder / "pipelines/second.yaml").write_text(SECOND.replace('"SIM/*"', "Box/Opened"))
    taken(folder, sim(8, event_type))
    assert note in nsps("why", "8").out.splitlines()[-1]


def test_a_known_type_has_no_note(folder: Path, nsps: Keyboard) -> None:
    taken(folder, sim(8, "Account/New"))
    assert "note: " not in nsps("why", "8").out


def test_a_condition_that_fails_says_that_the_delivery_fails(folder: Path, nsps: Keyboard) -> None:
    (folder / "pipelines/second.yaml").write_text(
        SECOND.replace("data.variables.i_account == `7`", "length(data.variables.i_account) > `1`")
    )
    taken(folder, sim(8))
    said = nsps("why", "8").out
    assert "takes it  second: but fails: " in said


def test_it_judges_by_the_files_as_they_are_now(folder: Path, nsps: Keyboard) -> None:
    taken(folder, sim(8))
    (folder / "pipelines/second.yaml").write_text(SECOND.replace("`7`", "`8`"))
    assert "takes it  second" in nsps("why", "8").out


def test_a_pipeline_that_is_off_says_so(folder: Path, nsps: Keyboard) -> None:
    (folder / "pipelines/second.yaml").write_text(SECOND + "enabled: false\n")
    taken(folder, sim(8))
    assert "not taken second: off" in nsps("why", "8").out


def test_the_json_says_the_same(folder: Path, nsps: Keyboard) -> None:
    taken(folder, sim(8))
    first, second = json.loads(nsps("why", "8", "--format", "json").out)
    assert (first["pipeline"], first["taken"], second["pipeline"], second["taken"]) == ("main", True, "second", False)
    assert second["conditions"][0]["saw"] == {"data.variables.i_account": 8}
