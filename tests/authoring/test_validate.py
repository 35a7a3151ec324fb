"""`nsps validate` is the loader: what it accepts starts, what it refuses does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.keyboard import Keyboard
from tests.target import PIPELINE, write_project


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_project(tmp_path / "project")


@pytest.fixture
def nsps(folder: Path, capsys: pytest.CaptureFixture[str]) -> Keyboard:
    return Keyboard(folder, capsys)


def test_a_sound_project_is_one_calm_line_and_needs_no_variables(nsps: Keyboard) -> None:
    said = nsps("validate")
    assert (said.code, said.out, said.err) == (0, "no problems in 3 files\n", "")


def test_all_problems_of_all_files_are_told_at_once(folder: Path, nsps: Keyboard) -> None:
    (folder / "pipelines/main.yaml").write_text(PIPELINE.replace("target.put", "target.pot").replace("order:", "ordr:"))
    (folder / "nsps.yaml").write_text((folder / "nsps.yaml").read_text().replace("retry: quick", "retry: quik"))
    said = nsps("validate")
    assert said.code == 1
    for place in ("nsps.yaml:", "pipelines/main.yaml:3:1", "pipelines/main.yaml:12:18"):
        assert f"--> {place}" in said.out
    assert said.out.splitlines()[-1].startswith("3 errors in 3 files")


def test_warnings_pass_and_strict_refuses_them(folder: Path, nsps: Keyboard) -> None:
    (folder / "pipelines/main.yaml").write_text(PIPELINE.replace('"SIM/*"', "SIM/Updatet"))
    said = nsps("validate")
    assert said.code == 0 and "warning[NSPS221]" in said.out and "1 warning in 3 files" in said.out
    assert nsps("validate", "--strict").code == 1


def test_only_the_problems_of_what_is_named_are_told(folder: Path, nsps: Keyboard) -> None:
    (folder / "pipelines/main.yaml").write_text(PIPELINE.replace("target.put", "target.pot"))
    assert nsps("validate", str(folder / "pipelines")).code == 1
    assert nsps("validate", str(folder / "pipelines/main.yaml")).code == 1
    assert nsps("validate", str(folder)).code == 1
    assert nsps("validate", str(folder / "connectors")).code == 0


def test_a_path_that_is_not_there_or_elsewhere_is_wrong_use(folder: Path, nsps: Keyboard, tmp_path: Path) -> None:
    said = nsps("validate", str(folder / "pipelines/none.yaml"))
    assert said.code == 2 and "none.yaml is not there" in said.err
    said = nsps("validate", str(tmp_path))
    assert said.code == 2 and "is not in the project" in said.err and "--project" in said.err


@pytest.mark.parametrize("form", ["text", "json", "github", "sarif", "junit"])
def test_each_form_ends_with_the_same_code(folder: Path, nsps: Keyboard, form: str) -> None:
    assert nsps("validate", "--format", form).code == 0
    (folder / "pipelines/main.yaml").write_text(PIPELINE.replace("target.put", "target.pot"))
    said = nsps("validate", "--format", form)
    assert said.code == 1 and "NSPS202" in said.out
    if form in ("json", "sarif"):
        json.loads(said.out)


def test_a_form_there_is_none_of_is_wrong_use(nsps: Keyboard) -> None:
    said = nsps("validate", "--format", "xml")
    assert said.code == 2 and "'sarif'" in said.err


@pytest.mark.parametrize("old, new", [("target.put", "target.pot"), ("order:", "ordr:"), ('["SIM/*"]', "SIM")])
def test_what_validate_refuses_does_not_start_in_the_same_words(
    folder: Path, nsps: Keyboard, old: str, new: str
) -> None:
    (folder / "pipelines/main.yaml").write_text(PIPELINE.replace(old, new))
    refused = nsps("validate").out
    started = nsps("run", "--port", "0")
    assert started.code == 1
    first = refused.split("\n\n")[0]
    assert first in started.err
