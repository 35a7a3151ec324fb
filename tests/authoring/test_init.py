"""A new project is clean: what it holds is used, and nothing that was there is overwritten."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.authoring.init import init
from engine.authoring.validate import check
from engine.errors import WrongUse


@pytest.mark.parametrize("wanted", [(), ("wtl-hlr-hss",), ("nsps-connector",), ("nsps-connector", "wtl-hlr-hss")])
def test_a_new_project_has_neither_problems_nor_warnings(tmp_path: Path, wanted: tuple[str, ...]) -> None:
    init(tmp_path, wanted)
    assert [str(problem.message) for problem in check(tmp_path).problems] == []


def test_only_the_config_that_its_pipelines_read_is_written(tmp_path: Path) -> None:
    init(tmp_path / "with", ["wtl-hlr-hss"])
    init(tmp_path / "without", [])
    assert "wtl_imsi_regexp: ${WTL_IMSI_REGEXP:-}" in (tmp_path / "with/nsps.yaml").read_text()
    assert "config:" not in (tmp_path / "without/nsps.yaml").read_text()


def test_a_folder_that_is_a_project_already_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "nsps.yaml").write_text("instance: mine\n")
    with pytest.raises(WrongUse, match="is there already"):
        init(tmp_path, [])
    assert [path.name for path in tmp_path.iterdir()] == ["nsps.yaml"]


def test_a_pipeline_the_library_does_not_have_is_told_with_the_next_best(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="did you mean wtl-hlr-hss"):
        init(tmp_path, ["wtl-hlr-hs"])
    assert list(tmp_path.iterdir()) == []
