"""What goes to arguments declared `secret: true` is masked whatever the folder's pipelines say of the event now."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.clock import SystemClock
from engine.loading.load import load_project
from tests.keyboard import Keyboard, past, sim, store_of, taken
from tests.target import CONNECTOR, PIPELINE, write_project

SECRET = "hush-abcdefgh"
WITH_SECRET = CONNECTOR.replace("      value?: {}\n", "      value?: {type: string, secret: true}\n")
BY_SECRET = PIPELINE.replace("  key: data.variables.i_account\n", "  key: data.variables.word\n").replace(
    "value?: data.variables.i_event", "value?: data.variables.word"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_project(tmp_path / "project", pipeline=BY_SECRET, connector=WITH_SECRET)


def started(folder: Path) -> None:
    """Keeps the folder's configuration in its store, as every process does when it starts."""

    async def keep() -> None:
        loaded = load_project(folder, {}, placeholders=True)
        assert loaded.catalog is not None
        async with store_of(folder) as store:
            await store.snapshot(loaded.catalog.hash, loaded.catalog.files, SystemClock().now())

    asyncio.run(keep())


def shown(nsps: Keyboard, event: str = "1") -> Iterator[str]:
    """Everything that commands print of an event."""
    for words in (["events"], ["show", event], ["show", event, "--full"], ["why", event]):
        for form in ([], ["--format", "json"]):
            said = nsps(*words, *form)
            assert said.code == 0, said.both
            assert SECRET not in said.both, (words, form, said.both)
            yield said.both


def rewrite(folder: Path, file: str, old: str, new: str) -> None:
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new))


def test_of_a_pipeline_that_was_removed(folder: Path, nsps: Keyboard) -> None:
    started(folder)
    past(folder, [sim(1, word=SECRET)])
    (folder / "pipelines/main.yaml").unlink()
    (folder / "connectors/target.yaml").unlink()
    assert any("lane main/1/***" in text for text in shown(nsps))


def test_of_a_pipeline_that_was_removed_before_any_attempt(folder: Path, nsps: Keyboard) -> None:
    started(folder)
    taken(folder, sim(1, word=SECRET))
    (folder / "pipelines/main.yaml").unlink()
    started(folder)
    assert any("lane main/1/***" in text for text in shown(nsps))


def test_of_an_argument_that_is_not_declared_secret_any_more(folder: Path, nsps: Keyboard) -> None:
    started(folder)
    past(folder, [sim(1, word=SECRET)])
    rewrite(folder, "connectors/target.yaml", ", secret: true", "")
    assert any("***" in text for text in shown(nsps))


@pytest.mark.parametrize("says", ["when: data.variables.word == 'another'", "enabled: false"])
def test_of_a_pipeline_that_does_not_take_it_now(folder: Path, nsps: Keyboard, says: str) -> None:
    taken(folder, sim(1, word=SECRET))
    rewrite(folder, "pipelines/main.yaml", "order:\n", f"{says}\norder:\n")
    assert any("***" in text for text in shown(nsps))


def test_of_a_pipeline_whose_events_are_others_now(folder: Path, nsps: Keyboard) -> None:
    past(folder, [sim(1, word=SECRET)])
    rewrite(folder, "pipelines/main.yaml", "SIM/*", "Account/*")
    assert any("***" in text for text in shown(nsps))


def test_of_an_event_whose_secret_is_handed_over_in_another_form(folder: Path, nsps: Keyboard) -> None:
    rewrite(folder, "pipelines/main.yaml", "value?: data.variables.word", "value?: upper(data.variables.word)")
    taken(folder, sim(1, word=SECRET))
    assert any("***" in text for text in shown(nsps))


def test_what_bears_the_name_of_a_secret_is_masked_though_no_pipeline_ever_took_it(
    folder: Path, nsps: Keyboard
) -> None:
    taken(folder, sim(1, "Account/New", sim={"pin": SECRET, "PUK": "12345678"}))
    said = "".join(shown(nsps))
    assert '"i_account":1' in said, "and nothing else is"
    assert "12345678" not in said


def test_lanes_are_the_same_in_the_store(folder: Path) -> None:
    past(folder, [sim(1, word=SECRET), sim(2, word=SECRET)])

    async def lanes() -> set[str | None]:
        async with store_of(folder) as store:
            found = [await store.event(number) for number in ("1", "2")]
            return {row.lane for event in found if event for row in event.deliveries}

    assert asyncio.run(lanes()) == {f"main/1/{SECRET}"}


def test_json_stays_json(folder: Path, nsps: Keyboard) -> None:
    past(folder, [sim(1, word=SECRET)])
    assert json.loads(nsps("show", "1", "--format", "json").out)["deliveries"][0]["lane"] == "main/1/***"
