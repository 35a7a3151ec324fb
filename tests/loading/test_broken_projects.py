"""The mistakes of integrators: each folder in broken/ holds the files that differ from sound/ and what is said of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engine.loading.codes import codes
from tests.loading.projects import BROKEN, checked, lines, sound_in

MISTAKES = sorted(folder.name for folder in BROKEN.iterdir() if folder.is_dir())


def with_mistake(name: str, folder: Path) -> Path:
    sound_in(folder)
    shutil.copytree(BROKEN / name, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("expected.txt"))
    return folder


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_in_exactly_these_words(name: str, tmp_path: Path) -> None:
    expected = (BROKEN / name / "expected.txt").read_text().splitlines()
    assert lines(checked(with_mistake(name, tmp_path / "project"))) == expected


@pytest.mark.parametrize("name", MISTAKES)
def test_each_message_stands_at_text_that_is_there_and_says_what_to_do(name: str, tmp_path: Path) -> None:
    loaded = checked(with_mistake(name, tmp_path / "project"))
    for problem in loaded.problems:
        written = loaded.texts[problem.place.file].split("\n")[problem.place.line - 1]
        assert len(written) >= problem.place.column - 1 + problem.length, problem
        assert problem.code in codes(), problem
        assert problem.notes or problem.label or problem.code == "NSPS321", problem


def test_the_sound_project_has_nothing_wrong(tmp_path: Path) -> None:
    assert lines(checked(sound_in(tmp_path / "project"))) == []


def test_all_mistakes_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    folder = sound_in(tmp_path / "project")
    for name in (
        "unknown_instance_retry",
        "login_of_another_connector",
        "argument_schema_invalid",
        "map_entry_without_root",
    ):
        with_mistake_over(name, folder)
    assert [problem.place.file for problem in checked(folder).problems] == [
        "nsps.yaml",
        "connectors/billing.yaml",
        "connectors/hss.yaml",
        "pipelines/hss.yaml",
    ]


def with_mistake_over(name: str, folder: Path) -> None:
    shutil.copytree(BROKEN / name, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("expected.txt"))
