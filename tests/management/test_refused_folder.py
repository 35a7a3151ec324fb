"""An operator can still look, pause and resume while the files of the folder are refused; nothing secret is shown meanwhile."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest

from engine.clock import SystemClock
from engine.loading.load import load_project
from engine.management.standing_in import catalog_of
from engine.storage.protocol import Owner
from tests.keyboard import ROOT, Keyboard, Said, past, sim, store_of, taken
from tests.target import CONNECTOR, PIPELINE, write_project

PIN = "4471-8832-pin"
LINE = "this folder's configuration is refused, 1 error (nsps validate shows all)"
SECRETIVE = CONNECTOR.replace("      value?: {}\n", "      value?: {type: string, secret: true}\n")
HANDS_OVER = PIPELINE.replace("data.variables.i_event", "data.variables.pin")
BROKEN = PIPELINE.replace("pipeline: main", "pipeline: other").replace("target.put", "missing.put")
REFUSES = {"target.put": [{"status": 400, "body": {"error": "bad key"}}]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_project(tmp_path / "project", pipeline=HANDS_OVER, connector=SECRETIVE)


def runs(folder: Path, *, owner: bool = True, kept: bool = True) -> None:
    """What a process that works by the folder as it is now leaves in the store."""

    async def work() -> None:
        catalog, now = load_project(folder, {}, placeholders=True).catalog, SystemClock().now()
        assert catalog is not None
        async with store_of(folder) as store:
            if kept:
                await store.snapshot(catalog.hash, catalog.files, now - timedelta(hours=1))
            if owner:
                await store.beat(
                    Owner(id="p", host="bills-host", pid=4711, started_at=now, config_hash=catalog.hash), now
                )

    asyncio.run(work())


def spoil(folder: Path, text: str = BROKEN) -> None:
    (folder / "pipelines/other.yaml").write_text(text)


def told(said: Said) -> Said:
    """It did its work, and said in one line what it goes by."""
    assert said.code == 0, said.both
    assert len(said.err.splitlines()) == 1 and LINE in said.err, said.err
    return said


def test_everything_that_looks_or_holds_goes_on(folder: Path, nsps: Keyboard) -> None:
    past(folder, [sim(1, pin=PIN)], REFUSES)
    runs(folder)
    spoil(folder)
    said = told(nsps("status"))
    assert "goes by the one that bills-host pid 4711 runs" in said.err
    assert "1 failed in pipeline main: refused: bad key" in said.out
    assert "this folder: its configuration is refused" in said.out
    assert "refused is what this folder holds now: no process can start with it  (nsps validate)" in said.out
    assert "other configuration than this folder" not in said.out
    assert "failed after 1 attempt, refused: bad key" in told(nsps("events")).out
    assert "refused: bad key" in told(nsps("show", "1")).out
    assert "paused everything" in told(nsps("pause", "--reason", "incident")).out
    assert "paused everything since" in told(nsps("status")).out
    assert "resumed everything" in told(nsps("resume")).out
    assert "nothing was refused" in told(nsps("refused")).out
    assert "no gap" in told(nsps("audit")).out
    assert "the store's schema is version" in told(nsps("migrate")).out


def test_json_stays_json_and_names_no_configuration_of_the_folder(folder: Path, nsps: Keyboard) -> None:
    past(folder, [sim(1, pin=PIN)])
    runs(folder)
    spoil(folder)
    found = json.loads(told(nsps("status", "--format", "json")).out)
    assert found["configuration"] is None
    assert found["processes"][0]["alive"]
    assert json.loads(told(nsps("events", "--format", "json")).out)[0]["i_event"] == "1"


def test_what_waits_is_told_by_the_configuration_that_runs(folder: Path, nsps: Keyboard) -> None:
    taken(folder, sim(1, pin=PIN))
    runs(folder)
    spoil(folder)
    nsps("pause", "--connector", "target", "--reason", "night work")
    assert "connector target is paused" in told(nsps("events")).out
    (folder / "pipelines/main.yaml").write_text("pipeline: [main\n")
    assert "connector target is paused" in nsps("events").out


@pytest.mark.parametrize("damage", ["pipeline", "connector", "both"])
def test_what_is_secret_stays_masked_by_the_configuration_that_runs(folder: Path, nsps: Keyboard, damage: str) -> None:
    """The file that says what is secret may be the very one that is broken, or gone."""
    past(folder, [sim(1, pin=PIN)], REFUSES)
    assert PIN not in nsps("show", "1", "--full").out
    runs(folder)
    if damage != "connector":
        (folder / "pipelines/main.yaml").write_text("pipeline: [main\n")
    if damage != "pipeline":
        (folder / "connectors/target.yaml").unlink()
    for words in (("show", "1", "--full"), ("show", "1", "--format", "json"), ("events", "--format", "json")):
        said = nsps(*words)
        assert said.code == 0, said.err
        assert PIN not in said.both
        assert '"i_event"' in said.out, "the body is shown, for what is secret in it is known"


@pytest.mark.parametrize("kept", [True, False])
def test_what_cannot_be_masked_for_sure_is_not_shown_and_it_says_why(folder: Path, nsps: Keyboard, kept: bool) -> None:
    """No process beat lately: which configuration was the last is a guess, so nothing that it would mask is shown."""
    past(folder, [sim(1, pin=PIN)], REFUSES)
    runs(folder, owner=False, kept=kept)
    spoil(folder)
    said = told(nsps("show", "1", "--full"))
    assert PIN not in said.both and '"i_event"' not in said.out
    assert "refused: bad key" in said.out
    assert "bodies, traces and lanes are not shown" in said.err
    for words in (("show", "1"), ("events",)):
        found = json.loads(told(nsps(*words, "--format", "json")).out)
        event = found if isinstance(found, dict) else found[0]
        assert event["body"] is None and event["deliveries"][0]["lane"] is None
        assert all(attempt["trace"] == {} for attempt in event["deliveries"][0].get("attempts_made", ()))


def test_secrets_of_the_environment_are_masked_also_those_of_a_file_that_cannot_be_read(
    folder: Path, nsps: Keyboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    word = "a-word-of-the-hss"
    monkeypatch.setenv("HSS_TOKEN", word)
    past(folder, [sim(1, pin=PIN, note=word)])
    runs(folder)
    (folder / "connectors/hss.yaml").write_text("connector: hss\nauth: {kind: bearer, token: ${secret:HSS_TOKEN}\n")
    said = nsps("show", "1", "--full")
    assert (said.code, word in said.both) == (0, False)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("replay", "1"), "nsps replay sends by the files of this folder"),
        (("why", "1"), "nsps why answers by the files of this folder"),
        (("refused", "admit", "1"), "nsps refused admit routes by the files of this folder"),
    ],
)
def test_what_needs_the_files_says_that_it_does(folder: Path, nsps: Keyboard, words: tuple[str, ...], why: str) -> None:
    past(folder, [sim(1, pin=PIN)], REFUSES)
    runs(folder)
    spoil(folder)
    said = nsps(*words)
    assert (said.code, said.out) == (1, "")
    assert said.err == f"nsps: {why}, and they are refused, 1 error: nsps validate shows all\n"


def test_a_broken_nsps_yaml_refuses_everything_with_its_errors(folder: Path, nsps: Keyboard) -> None:
    past(folder, [sim(1)])
    runs(folder)
    (folder / "nsps.yaml").write_text((folder / "nsps.yaml").read_text() + "nonsense: 1\n")
    for command in ("status", "pause", "audit", "migrate"):
        said = nsps(command)
        assert said.code == 1 and "NSPS" in said.err and "nonsense" in said.err


def test_a_snapshot_with_connectors_of_the_library_is_read_again_whole(tmp_path: Path) -> None:
    for name in ("nsps.yaml", "pipelines/wtl-hlr-hss.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text((ROOT / name).read_text())
    catalog = load_project(tmp_path, {}, placeholders=True).catalog
    assert catalog is not None and "library/connectors/wtl-hss.yaml" in catalog.files
    again = catalog_of(catalog.files, {})
    assert again is not None
    assert (again.connectors.keys(), again.pipelines.keys()) == (catalog.connectors.keys(), catalog.pipelines.keys())


# --- names ------------------------------------------------------------------------------------------------------------


def test_no_correct_name_is_refused_and_a_wrong_one_is(folder: Path, nsps: Keyboard) -> None:
    past(folder, [sim(1)])
    runs(folder)
    (folder / "pipelines/main.yaml").unlink()
    (folder / "connectors/target.yaml").write_text("connector: [target\n")
    spoil(folder, "pipeline: fresh\n  events: [\n")
    for words in (
        ("--pipeline", "main"),  # the process that runs knows it
        ("--connector", "target"),
        ("--pipeline", "fresh"),  # what a file that cannot be read calls itself
        ("--pipeline", "other"),  # or is called
        ("--connector", "wtl-hss"),  # a connector of the library
    ):
        assert nsps("pause", *words).code == 0, words
        assert nsps("resume", *words).code == 0, words
    said = nsps("pause", "--connector", "targte")
    assert said.code == 2 and "did you mean target?" in said.err


def test_deliveries_know_their_pipelines_too(folder: Path, nsps: Keyboard) -> None:
    past(folder, [sim(1)], REFUSES)
    (folder / "pipelines/main.yaml").unlink()
    spoil(folder)
    assert nsps("pause", "--pipeline", "main").code == 0
