"""A folder to a Catalog, or to all that is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import ConfigurationRefused
from engine.library import shipped
from engine.loading.load import load_project, open_project
from tests.loading.projects import SET, changed, checked, lines, sound_in, started


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return sound_in(tmp_path / "project")


def test_what_validate_accepts_starts_where_its_variables_are_set(folder: Path) -> None:
    assert checked(folder).catalog is not None
    assert started(folder, SET).catalog is not None


def test_validate_and_start_refuse_in_the_same_words(tmp_path: Path) -> None:
    folder = changed(tmp_path / "project", "pipelines/hss.yaml", "hss.sync", "hss.synch")
    assert lines(checked(folder)) == lines(started(folder, SET))
    assert checked(folder).catalog is None and started(folder, SET).catalog is None


def test_open_project_raises_with_all_problems(tmp_path: Path) -> None:
    folder = changed(tmp_path / "project", "pipelines/hss.yaml", "hss.sync", "hss.synch")
    with pytest.raises(ConfigurationRefused) as refused:
        open_project(folder, SET)
    assert [problem.code for problem in refused.value.problems] == ["NSPS202"]


def test_the_shipped_project_is_sound_and_starts_with_nothing_set() -> None:
    folder = Path(str(shipped("nsps.yaml"))).parent
    assert lines(load_project(folder, {}, placeholders=True)) == []
    catalog = open_project(folder, {})
    assert {pipeline.off for pipeline in catalog.pipelines.values()} == {
        "CONNECTOR_URL is not set",
        "WTL_API_URL is not set",
    }


def test_a_folder_without_settings_says_how_to_begin(tmp_path: Path) -> None:
    loaded = checked(tmp_path)
    assert loaded.catalog is None
    assert [problem.code for problem in loaded.problems] == ["NSPS200"]
    assert "nsps init" in loaded.problems[0].notes[0]


def test_a_file_that_is_no_yaml_hides_no_other_file_and_blames_no_reference_to_it(folder: Path) -> None:
    (folder / "connectors/hss.yaml").write_text("connector: hss\noperations: {")
    text = (folder / "pipelines/hss.yaml").read_text()
    (folder / "pipelines/hss.yaml").write_text(text.replace("vars.imsi}", "vars.imsy}"))
    assert [(problem.place.file, problem.code) for problem in checked(folder).problems] == [
        ("connectors/hss.yaml", "NSPS101"),
        ("pipelines/hss.yaml", "NSPS209"),
    ]


@pytest.mark.parametrize("content", [b"", b"\x00\x01", b"- a\n- b\n", b"text", b"\xff\xfeb\x00", b"a: &a [*a]\n"])
@pytest.mark.parametrize("file", ["nsps.yaml", "connectors/hss.yaml", "pipelines/hss.yaml", "pipelines/hss.test.yaml"])
def test_whatever_a_file_holds_is_a_problem_and_no_traceback(folder: Path, file: str, content: bytes) -> None:
    (folder / file).write_bytes(content)
    loaded = checked(folder)
    assert loaded.catalog is None
    assert loaded.problems[0].place.file == file


def test_a_folder_in_the_place_of_a_file_is_a_problem(folder: Path) -> None:
    (folder / "connectors/odd.yaml").mkdir()
    assert [problem.code for problem in checked(folder).problems] == ["NSPS120"]


def test_a_yml_file_is_pointed_out(folder: Path) -> None:
    (folder / "pipelines/new.yml").write_text("pipeline: new\n")
    assert lines(checked(folder)) == [
        "warning[NSPS226] pipelines/new.yml:1:1 pipelines/new.yml is not read: its name ends in .yml"
    ]


def test_two_connectors_of_one_name_are_refused(folder: Path) -> None:
    (folder / "connectors/twin.yaml").write_text((folder / "connectors/hss.yaml").read_text())
    assert lines(checked(folder)) == ["error[NSPS225] connectors/twin.yaml:1:12 there are two connectors named `hss`"]


def test_two_pipelines_of_one_name_are_refused(folder: Path) -> None:
    (folder / "pipelines/twin.yaml").write_text((folder / "pipelines/hss.yaml").read_text())
    assert lines(checked(folder)) == ["error[NSPS225] pipelines/twin.yaml:1:11 there are two pipelines named `hss`"]


def test_a_connector_of_the_library_is_there_without_a_file(folder: Path) -> None:
    text = (folder / "pipelines/hss.yaml").read_text().replace("billing.", "portabilling.")
    (folder / "pipelines/hss.yaml").write_text(text)
    (folder / "pipelines/hss.test.yaml").unlink()
    loaded = checked(folder)
    assert loaded.catalog is not None, lines(loaded)
    assert "library/connectors/portabilling.yaml" in loaded.catalog.files
    assert "wtl-hss" not in loaded.catalog.connectors


def test_a_connector_of_the_project_replaces_the_library_s_as_a_whole(folder: Path) -> None:
    text = (folder / "connectors/billing.yaml").read_text().replace("connector: billing", "connector: portabilling")
    (folder / "connectors/portabilling.yaml").write_text(text)
    pipeline = (folder / "pipelines/hss.yaml").read_text().replace("billing.", "portabilling.")
    (folder / "pipelines/hss.yaml").write_text(pipeline)
    (folder / "pipelines/hss.test.yaml").unlink()
    catalog = checked(folder).catalog
    assert catalog is not None
    assert set(catalog.connectors["portabilling"].enrichments) == {"account_info", "sim_info"}


def test_pipelines_of_the_library_do_not_run_by_themselves(folder: Path) -> None:
    catalog = checked(folder).catalog
    assert catalog is not None and list(catalog.pipelines) == ["hss"]


def test_a_comment_silences_a_warning_on_its_line_only(tmp_path: Path) -> None:
    folder = changed(
        tmp_path / "project",
        "pipelines/hss.yaml",
        "events: [SIM/Updated]",
        "events:\n  - SIM/Moved  # nsps: ignore NSPS221 (ours sends it)\n  - SIM/Swapped",
    )
    assert lines(checked(folder)) == ["warning[NSPS221] pipelines/hss.yaml:5:5 ESPF is not known to send `SIM/Swapped`"]


def test_a_comment_silences_no_error(tmp_path: Path) -> None:
    folder = changed(
        tmp_path / "project", "pipelines/hss.yaml", "call: hss.sync", "call: hss.synch  # nsps: ignore NSPS202 (why)"
    )
    assert [problem.code for problem in checked(folder).problems] == ["NSPS202"]


def test_warnings_do_not_refuse(tmp_path: Path) -> None:
    folder = changed(tmp_path / "project", "pipelines/hss.yaml", "[SIM/Updated]", "[SIM/Moved]")
    assert checked(folder).catalog is not None


def test_the_hash_names_texts_and_names_of_all_files(folder: Path, tmp_path: Path) -> None:
    first, again = checked(folder).catalog, checked(sound_in(tmp_path / "copy")).catalog
    assert first is not None and again is not None
    assert first.hash == again.hash and len(first.hash) == 64
    (folder / "pipelines/hss.yaml").write_text((folder / "pipelines/hss.yaml").read_text() + "# more\n")
    other = checked(folder).catalog
    assert other is not None and other.hash != first.hash


def test_the_environment_is_no_part_of_the_hash(folder: Path) -> None:
    first, other = started(folder, SET).catalog, started(folder, {**SET, "HSS_URL": "https://elsewhere.test"}).catalog
    assert first is not None and other is not None
    assert first.hash == other.hash


def test_the_snapshot_holds_what_a_process_works_from(folder: Path) -> None:
    catalog = checked(folder).catalog
    assert catalog is not None
    assert list(catalog.files) == [
        "connectors/billing.yaml",
        "connectors/hss.yaml",
        "nsps.yaml",
        "pipelines/hss.yaml",
    ]


def test_secrets_are_known_however_they_came(folder: Path) -> None:
    catalog = started(folder, SET).catalog
    assert catalog is not None
    assert catalog.secrets == {"espf-secret", "api-secret", "billing-secret", "hss-secret"}


def test_placeholders_are_no_secrets(folder: Path) -> None:
    catalog = checked(folder).catalog
    assert catalog is not None and catalog.secrets == frozenset()


def test_no_value_of_the_environment_is_in_the_repr_of_the_catalog(folder: Path) -> None:
    catalog = started(folder, SET).catalog
    shown = repr(catalog)
    assert not [secret for secret in SET.values() if secret.endswith("-secret") and secret in shown]


def test_tests_are_loaded_with_their_places(folder: Path) -> None:
    (test,) = checked(folder).tests
    (case,) = test.cases
    assert (test.pipeline, case.name) == ("hss", "a subscriber is created")
    assert case.replies["hss.find"] == ({"status": 404},)
    assert case.expects[0].places["vars.granted"].line == 12
    assert case.expects[0].requests is not None and case.expects[0].requests[0].fields == {"method": "POST"}
