"""Where nothing has run, no command that looks makes a store and calls it well."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.clock import SystemClock
from engine.errors import NoStore
from engine.storage.store import Store
from tests.keyboard import Keyboard, Said, child
from tests.postgres import Server, new_instance, postgres
from tests.target import NSPS, write_project

__all__ = ["postgres"]  # a fixture
LOOKING = ("status", "events", "show 1", "why 1", "replay 1", "pause", "resume", "refused", "refused admit 1", "audit")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_project(tmp_path / "project")


def refused(said: Said, where: str) -> None:
    assert (said.code, said.out) == (2, "")
    assert where in said.err and "NSPS_STORE" in said.err and "nsps run" in said.err


@pytest.mark.parametrize("command", LOOKING)
def test_a_store_that_is_not_there_is_told_and_not_made(
    tmp_path: Path, nsps: Keyboard, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    path = tmp_path / "nodir/typo.db"
    monkeypatch.setenv("NSPS_STORE", f"sqlite:///{path}")
    refused(nsps(*command.split()), f"there is no store at {path}: nothing has run here")
    assert not path.parent.exists()


def test_that_the_variable_is_not_set_is_told(folder: Path, nsps: Keyboard) -> None:
    said = nsps("pause")
    refused(said, f"there is no store at {folder}/var/nsps.db")
    assert "NSPS_STORE (it is not set here)" in said.err
    assert not (folder / "var").exists()


def test_an_empty_file_is_no_store(folder: Path, nsps: Keyboard) -> None:
    (folder / "var").mkdir()
    (folder / "var/nsps.db").touch()
    refused(nsps("audit"), "there is no store at")


async def test_a_store_in_memory_cannot_be_looked_into(tmp_path: Path) -> None:
    with pytest.raises(NoStore, match="in the memory of the process that runs"):
        await Store.open("sqlite://", project=tmp_path, clock=SystemClock(), create=False)


def test_migrate_makes_it(folder: Path, nsps: Keyboard) -> None:
    assert nsps("migrate").code == 0
    assert nsps("status").code == 0


def test_doctor_says_that_a_start_will_make_it_and_makes_none(folder: Path) -> None:
    out = child(folder, "doctor").stdout.decode()
    assert "  ok  there is no store at sqlite:///var/nsps.db yet: the first start makes it\n" in out
    assert not (folder / "var").exists()


def test_doctor_says_of_a_folder_that_cannot_be_made_that_it_must_be_mended(folder: Path) -> None:
    (folder / "var").write_text("in the way")
    said = child(folder, "doctor")
    assert "MUST  the store sqlite:///var/nsps.db cannot be used: " in said.stdout.decode()


def test_an_instance_without_a_schema_on_the_server_is_no_store(
    tmp_path: Path, postgres: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = new_instance()
    nsps = Keyboard(write_project(tmp_path / "pg", NSPS.replace("instance: test", f"instance: {instance}")), capsys)
    monkeypatch.setenv("NSPS_STORE", postgres.url)
    for command in ("pause", "status"):
        refused(nsps(command), f"there is no store of instance {instance} at postgresql://")
    assert "yet: the first start makes it" in nsps("doctor").out
    assert nsps("status").code == 2
    assert nsps("migrate").code == 0
    assert nsps("pause").code == 0
