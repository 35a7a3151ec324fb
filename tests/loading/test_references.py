"""Names across files: what is accepted, and what the corpus of broken projects does not show."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.loading.projects import BROKEN, changed, checked, lines, sound_in

HSS, BILLING, PIPELINE, SETTINGS = "connectors/hss.yaml", "connectors/billing.yaml", "pipelines/hss.yaml", "nsps.yaml"


def told(folder: Path, file: str, old: str, new: str) -> list[str]:
    return lines(checked(changed(folder, file, old, new)))


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        (PIPELINE, "search: {imsi: vars.imsi}", "search: {all: vars}"),
        (PIPELINE, "search: {imsi: vars.imsi}", "search: {at: now, event: event_id}"),
        (PIPELINE, "call: hss.sync", 'call: hss.sync\n    for_each: "[vars.imsi]"\n    when: item != \'\' && index < `5`'),
        (PIPELINE, "call: hss.sync", "call: hss.sync\n  - {call: hss.find, when: steps.sync.verdict == 'ok'}"),
        (PIPELINE, "mode: latest", "mode: strict  # reads data\nwhen: data.variables.curr_status != data.variables.prev_status"),
        (PIPELINE, "[SIM/Updated]", '["**"]'),
        (PIPELINE, "[SIM/Updated]", '["SIM/*", "Account/**"]'),
        (HSS, "{granted: \"{{ args.granted }}\"}", "\"{{ args }}\""),
        (HSS, "path: /subscriber\n", "path: /subscriber\n      headers: {X-Key: \"{{ idempotency_key }}\"}\n"),
        (HSS, "granted: args.granted}", "granted: true}\n      - {id: again, call: find, when: args.granted}"),
        (HSS, "granted: args.granted}", "granted: \"'true'\"}\n      - {id: again, call: find, when: args.granted}"),
        (BILLING, "pb_data.account_info.i_account}", "data.variables.i_account || pb_data.product_info.i_product}"),
        (BILLING, "  yes_no: {Y: true, N: false}", "  yes_no: {Y: true, N: false}  # a table"),
        (SETTINGS, "retry: patient", "retry: nsps"),
    ],
)  # fmt: skip
def test_what_is_right_is_not_complained_about(file: str, old: str, new: str, tmp_path: Path) -> None:
    assert told(tmp_path / "project", file, old, new) == []


def test_an_envelope_brings_any_known_block_where_only_an_nsps_sends(tmp_path: Path) -> None:
    folder = changed(tmp_path / "project", PIPELINE, "enrich:\n  - billing.account_info\n  - billing.sim_info\n", "")
    text = (folder / SETTINGS).read_text()
    begin, end = text.index("  espf:"), text.index("  nsps:")
    (folder / SETTINGS).write_text(text[:begin] + text[end:])
    assert lines(checked(folder)) == []


def test_the_root_of_a_session_is_known_only_where_there_is_one(tmp_path: Path) -> None:
    assert told(tmp_path / "project", HSS, '{{ args.imsi }}"}', '{{ session.id }}{{ args.imsi }}"}') == [
        "error[NSPS214] connectors/hss.yaml:12:50 connector `hss` has no session"
    ]


@pytest.mark.parametrize("path", ["/health", "/ready"])
def test_a_receiver_cannot_take_the_paths_of_nsps_itself(path: str, tmp_path: Path) -> None:
    (line,) = told(
        tmp_path / "project", SETTINGS, "    needs: [ESPF_PASSWORD]", f"    needs: [ESPF_PASSWORD]\n    path: {path}"
    )
    assert line.startswith(f"error[NSPS227] nsps.yaml:5:11 {path} answers whether NSPS is")


def test_longer_circles_are_told_once(tmp_path: Path) -> None:
    folder = changed(tmp_path / "project", HSS, "{id: found, call: find}", "{id: found, call: outer}")
    text = (folder / HSS).read_text()
    (folder / HSS).write_text(
        text + "  outer:\n    args: {imsi: {type: string}, granted: {type: boolean}}\n    steps: [{call: sync}]\n"
    )
    assert [line for line in lines(checked(folder)) if "NSPS224" in line] == [
        "error[NSPS224] connectors/hss.yaml:33:3 operation `sync` calls itself: sync -> outer -> sync"
    ]


def test_a_schema_error_in_an_operation_hides_no_other_operation_and_is_not_told_twice(tmp_path: Path) -> None:
    folder = changed(tmp_path / "project", HSS, "    args:\n      subscriber:", "    arguments:\n      subscriber:")
    text = (folder / HSS).read_text()
    (folder / HSS).write_text(text.replace("/subscriber/{{ args.imsi }}", "/subscriber/{{ args.imsy }}"))
    assert [(problem.code, problem.place.line) for problem in checked(folder).problems] == [
        ("NSPS209", 12),
        ("NSPS104", 26),
    ]


def test_unused_names_are_not_judged_while_there_are_errors() -> None:
    for folder in BROKEN.iterdir():
        told_of = (folder / "expected.txt").read_text()
        assert not ("error[" in told_of and "NSPS223" in told_of), folder.name


def test_a_name_in_a_block_of_text_is_found_on_its_line(tmp_path: Path) -> None:
    new = "imsi?: >-\n    pb_data.sim_info.imsi\n    || vars.none"
    assert told(tmp_path / "project", PIPELINE, "imsi?: pb_data.sim_info.imsi", new) == [
        "error[NSPS209] pipelines/hss.yaml:14:8 nothing sets vars.none"
    ]


def test_a_project_without_pipelines_is_sound(tmp_path: Path) -> None:
    folder = sound_in(tmp_path / "project")
    for file in ("pipelines/hss.yaml", "pipelines/hss.test.yaml", HSS, BILLING):
        (folder / file).unlink()
    assert lines(checked(folder)) == []
