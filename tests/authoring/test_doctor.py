"""`nsps doctor` says what must be done before a start, and changes nothing outside."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from tests.keyboard import child
from tests.target import NSPS, PIPELINE, SECRETS, write_project


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_project(tmp_path / "project")


def doctor(folder: Path, **environ: str) -> tuple[int, str]:
    said = child(folder, "doctor", environ=environ)
    assert said.stderr == b""
    return said.returncode, said.stdout.decode()


def test_each_variable_that_is_not_set_is_named_with_its_place(folder: Path) -> None:
    code, out = doctor(folder, API_TOKEN=SECRETS["API_TOKEN"], ESPF_KEY=SECRETS["ESPF_KEY"])
    assert code == 1
    assert "MUST  TARGET_URL is not set (connectors/target.yaml:3:11)\n      set TARGET_URL" in out
    assert "MUST  ESPF_PASSWORD is not set (nsps.yaml:" in out
    assert "API_TOKEN" not in out
    assert out.splitlines()[-1] == "2 things must be done before nsps run starts"


def test_a_sound_project_is_ready(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        code, out = doctor(folder, **SECRETS, TARGET_URL=f"http://127.0.0.1:{port}/api")
    assert code == 0
    for line in (
        "  ok  3 files without errors",
        "  ok  the ESPF receiver listens at /espf",
        "  ok  pipeline main is on",
        "  ok  there is no store at sqlite:///var/nsps.db yet: the first start makes it",
        f"  ok  connector target: 127.0.0.1:{port} accepts connections",
    ):
        assert line in out.splitlines()
    assert out.splitlines()[-1] == "ready: nsps run"


def test_a_system_that_cannot_be_reached_is_a_note_not_a_hindrance(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    code, out = doctor(folder, **SECRETS, TARGET_URL=f"http://127.0.0.1:{port}")
    assert code == 0
    assert f"note  connector target: 127.0.0.1:{port} cannot be reached: connection refused\n" in out


def test_what_is_off_is_told_and_so_is_that_nothing_is_left(tmp_path: Path) -> None:
    nsps = NSPS.replace("  espf:\n", "  espf:\n    needs: [ESPF_PASSWORD]\n").replace(
        "  nsps:\n", "  nsps:\n    needs: [API_TOKEN]\n"
    )
    folder = write_project(tmp_path / "off", nsps, PIPELINE.replace("events:", "needs: [TARGET_URL]\nevents:"))
    code, out = doctor(folder)
    assert code == 0
    assert "note  the ESPF receiver is off: ESPF_PASSWORD is not set" in out
    assert "note  pipeline main is off: TARGET_URL is not set" in out
    assert "note  no receiver is on: nobody can send events" in out
    assert "note  no pipeline is on: events will be stored, none delivered" in out


def test_a_store_that_cannot_be_used_must_be_mended(folder: Path) -> None:
    (folder / "var").write_text("in the way")
    code, out = doctor(folder, **SECRETS, TARGET_URL="http://127.0.0.1:1")
    assert code == 1 and "MUST  the store sqlite:///var/nsps.db cannot be used: " in out


def test_errors_in_the_files_come_first_with_their_places(folder: Path) -> None:
    (folder / "pipelines/main.yaml").write_text(PIPELINE.replace("target.put", "target.pot"))
    code, out = doctor(folder)
    assert code == 1
    assert (
        "MUST  pipelines/main.yaml:12:18: connector `target` has no operation `pot`\n      did you mean `put`?" in out
    )
    assert out.splitlines()[-1] == "1 thing must be done before nsps run starts"


def test_secrets_are_not_printed(folder: Path) -> None:
    told = "\n".join(doctor(folder, **SECRETS, TARGET_URL="http://user:s3cret-word@127.0.0.1:1")[1:2])
    assert not any(secret in told for secret in (*SECRETS.values(), "s3cret-word"))


def test_json_says_the_same_for_programs(folder: Path) -> None:
    said = child(folder, "doctor", "--format", "json")
    told = json.loads(said.stdout)
    assert (said.returncode, told["healthy"]) == (1, False)
    assert any(one["standing"] == "must" and "TARGET_URL" in one["what"] for one in told["findings"])
