"""Whatever happens at the keyboard, a command ends with a message and a code, never with a traceback."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.command import parse_since, print_json
from engine.errors import WrongUse
from tests.keyboard import ROOT, Keyboard, child, past, sim, taken
from tests.target import write_project

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVERY = ("validate", "test", "events", "status", "refused", "doctor", "migrate", "pause", "resume")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_project(tmp_path / "project")


@pytest.fixture
def nsps(folder: Path, capsys: pytest.CaptureFixture[str]) -> Keyboard:
    return Keyboard(folder, capsys)


def test_the_version_is_told(nsps: Keyboard) -> None:
    said = nsps("--version")
    assert said.code == 0 and re.fullmatch(r"nsps \d+\.\d+\.\d+\n", said.out)


def test_a_misspelt_command_is_told_with_the_next_best(nsps: Keyboard) -> None:
    said = nsps("evnets")
    assert said.code == 2 and "Did you mean 'events'?" in said.err


@pytest.mark.parametrize(
    "command", [*EVERY, "show 1", "why 1", "replay 1", "refused admit 1", "run --port 0", "dry-run x"]
)
def test_outside_a_project_each_command_says_how_to_begin(tmp_path: Path, command: str) -> None:
    said = child(tmp_path, *command.split())
    assert said.returncode in (1, 2)
    told = (said.stdout + said.stderr).decode()
    assert "there is no nsps.yaml in " in told, told
    assert "Traceback" not in told and "an error of ours" not in told


@pytest.mark.parametrize("command", [*EVERY, "show 1", "dry-run x"])
def test_settings_with_errors_are_shown_as_validate_shows_them(folder: Path, nsps: Keyboard, command: str) -> None:
    (folder / "nsps.yaml").write_text("instance: test\n\tstore: []\n")
    said = nsps(*command.split())
    assert said.code == 1
    assert "nsps.yaml:2:1" in said.both or "nsps validate shows" in said.both


@pytest.mark.parametrize("command", ["validate", "test", "doctor", "dry-run x"])
def test_other_files_with_errors_are_shown_by_what_works_from_them(folder: Path, nsps: Keyboard, command: str) -> None:
    (folder / "pipelines/main.yaml").write_text("pipeline: main\n\tevents: []\n")
    said = nsps(*command.split())
    assert said.code == 1
    assert "pipelines/main.yaml:2:1" in said.both or "nsps validate shows" in said.both


@pytest.mark.parametrize("command", ["events", "status", "show 1", "why 1", "replay 1", "refused", "pause", "migrate"])
@pytest.mark.parametrize("store", ["folder", "garbage", "no folder"])
def test_a_store_that_cannot_be_opened_is_told_with_its_name(
    folder: Path, nsps: Keyboard, command: str, store: str
) -> None:
    if store == "no folder":
        (folder / "var").write_text("a file where a folder is needed")
    else:
        (folder / "var").mkdir()
        path = folder / "var/nsps.db"
        path.mkdir() if store == "folder" else path.write_bytes(b"this is no database at all " * 100)
    said = nsps(*command.split())
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("nsps: ") and "var" in said.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_told(folder: Path, nsps: Keyboard) -> None:
    folder.chmod(0o555)
    try:
        said = nsps("status")
    finally:
        folder.chmod(0o755)
    assert said.code == 2 and "var" in said.err


@pytest.mark.parametrize(
    ("file", "told"),
    [("nsps.yaml", "nsps.yaml"), ("pipelines/main.yaml", "pipelines/main.yaml"), ("connectors/target.yaml", "target")],
)
def test_a_folder_where_a_file_should_be_is_told(folder: Path, nsps: Keyboard, file: str, told: str) -> None:
    (folder / file).unlink()
    (folder / file).mkdir()
    said = nsps("validate")
    assert said.code == 1 and told in said.both


def test_a_file_where_a_folder_should_be_is_told(folder: Path, nsps: Keyboard) -> None:
    for path in (folder / "pipelines").iterdir():
        path.unlink()
    (folder / "pipelines").rmdir()
    (folder / "pipelines").write_text("pipeline: x\n")
    said = nsps("validate")
    assert said.code in (0, 1)


def opened_by_its_reader(pipe: Path, reader: subprocess.Popen[bytes]) -> int:
    """The writing end, as soon as the reader has opened its own."""
    while reader.poll() is None:
        with suppress(OSError):  # ENXIO: it has not
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        time.sleep(0.01)
    pytest.fail(f"it ended before: {reader.communicate()[1].decode()}")


def test_ctrl_c_ends_a_command_without_a_traceback(folder: Path) -> None:
    """While it waits for what somebody is to type."""
    typed = folder / "typed"
    os.mkfifo(typed)
    # As in a terminal: what a shell starts in the background inherits that Ctrl-C is ignored, and these tests may be that.
    at_a_terminal = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); import cli; cli.app()"
    command = [sys.executable, "-c", at_a_terminal, "dry-run", str(typed)]
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        writing = opened_by_its_reader(typed, process)
        process.send_signal(signal.SIGINT)
        try:
            _, err = process.communicate(timeout=20)
        finally:
            process.kill()
            os.close(writing)
    assert process.returncode in (1, 130)
    assert b"Traceback" not in err


def test_a_reader_that_goes_away_is_no_error(folder: Path) -> None:
    for number in range(40):
        taken(folder, sim(number))
    shell = f'"{sys.executable}" -c "import cli; cli.app()" events --limit 1000 | head -1; echo "${{PIPESTATUS[0]}}"'
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    said = subprocess.run(["bash", "-c", shell], cwd=folder, env=env, capture_output=True, timeout=60, check=False)
    assert said.stdout.splitlines()[-1] == b"0"
    assert said.stderr == b""


@pytest.mark.parametrize(
    "environ",
    [
        {"LANG": "C", "LC_ALL": "C"},
        {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "ascii"},
        {"TERM": "dumb"},
        {"COLUMNS": "20"},
        {"TZ": "America/St_Johns"},
        {"HOME": "/nowhere"},
    ],
)
def test_any_terminal_and_locale_will_do(folder: Path, environ: dict[str, str]) -> None:
    past(folder, [sim(1, i_account="zażółć")])
    for words in (("status",), ("events",), ("show", "1", "--full"), ("show", "1", "--format", "json"), ("--help",)):
        said = child(folder, *words, environ=environ)
        assert (said.returncode, said.stderr) == (0, b""), words
    told = child(folder, "events", environ=environ).stdout.decode()
    assert re.search(r"^20\d\d-\d\d-\d\d \d\d:\d\d:\d\dZ  ", told, re.MULTILINE), "instants are UTC, and say so"


def test_piped_output_is_plain(folder: Path) -> None:
    past(folder, [sim(1)])
    for words in (("status",), ("events",), ("show", "1"), ("why", "1"), ("validate",)):
        assert b"\x1b[" not in child(folder, *words).stdout


@pytest.mark.parametrize("command", ["events", "show 1", "why 1", "status", "refused", "doctor", "validate"])
def test_what_is_asked_for_as_json_is_one_document(folder: Path, nsps: Keyboard, command: str) -> None:
    past(folder, [sim(1)])
    said = nsps(*command.split(), "--format", "json")
    json.loads(said.out)
    assert said.err == ""


def test_since_takes_durations_and_instants() -> None:
    assert parse_since(None, NOW) is None
    assert parse_since("2h", NOW) == NOW - timedelta(hours=2)
    assert parse_since("2026-02-01T00:00:00Z", NOW) == datetime(2026, 2, 1, tzinfo=UTC)
    assert parse_since("2026-02-01", NOW) == datetime(2026, 2, 1, tzinfo=UTC)
    with pytest.raises(WrongUse, match="--since lately: write a duration such as 2h or 3d"):
        parse_since("lately", NOW)


def test_json_holds_what_json_libraries_often_refuse(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"big": 2**70, "bytes": b"\xff", "set": {2, 1}, "at": NOW, "lone": "\ud800"[:0]})
    told = json.loads(capsys.readouterr().out)
    assert (told["big"], told["set"]) == (2**70, [1, 2])
