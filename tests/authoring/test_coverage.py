"""`nsps test --coverage` names what no test exercised."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.keyboard import Keyboard
from tests.target import write_project

DELIVERED = """\
pipeline: main
tests:
  - name: it
    event: {event_type: SIM/Updated, variables: {i_event: 1, i_account: 1}}
    expect: {outcome: delivered}
"""
ALL = (
    DELIVERED
    + """\
  - name: skipped
    event: {event_type: SIM/Updated, variables: {i_event: 1, i_account: 1, skip: true}}
    expect: {outcome: skipped}
  - name: gone
    event: {event_type: SIM/Updated, variables: {i_event: 1, i_account: 1, gone: true}}
    expect: {outcome: skipped}
  - name: down
    event: {event_type: SIM/Updated, variables: {i_event: 1, i_account: 1}}
    replies: {target.put: [{status: 503}]}
    expect: {attempts: 1}
"""
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_project(tmp_path / "project")


@pytest.fixture
def nsps(folder: Path, capsys: pytest.CaptureFixture[str]) -> Keyboard:
    return Keyboard(folder, capsys)


def test_rules_that_never_held_and_endings_nobody_tried_are_named_with_their_place(
    folder: Path, nsps: Keyboard
) -> None:
    (folder / "pipelines/main.test.yaml").write_text(DELIVERED)
    said = nsps("test", "--coverage")
    assert said.code == 0
    assert "pipelines/main.yaml:9:5: no test makes this skip rule hold: data.variables.skip" in said.out
    assert "pipelines/main.yaml:10:5: no test makes this skip rule hold: data.variables.gone" in said.out
    assert "pipelines/main.yaml:12:5: no test lets step put end `retry` or `fail`" in said.out


def test_what_is_all_exercised_says_so(folder: Path, nsps: Keyboard) -> None:
    (folder / "pipelines/main.test.yaml").write_text(ALL)
    said = nsps("test", "--coverage")
    assert said.out.splitlines()[-1] == "every part of every pipeline was exercised"


def test_a_pipeline_without_tests_and_an_operation_never_called_are_named(folder: Path, nsps: Keyboard) -> None:
    second = (folder / "pipelines/main.yaml").read_text().replace("pipeline: main", "pipeline: second")
    (folder / "pipelines/second.yaml").write_text(second)
    (folder / "pipelines/main.test.yaml").write_text(ALL)
    text = (folder / "connectors/target.yaml").read_text()
    (folder / "connectors/target.yaml").write_text(
        text.replace("  put:\n", "  drop:\n    request: {method: DELETE, path: /all}\n    example: {}\n  put:\n")
    )
    said = nsps("test", "--coverage").out
    assert "pipelines/second.yaml:1:1: pipeline second has no tests" in said
    assert "no test calls target.drop" in said
