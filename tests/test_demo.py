from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from pathlib import Path

import click
import pytest
import yaml

from engine.authoring.demo import Story, StoryBroken, tell_story
from engine.authoring.demo_system import DemoSystem, demo_system, write_project
from engine.loading.load import load_project


@pytest.fixture
async def system(tmp_path: Path) -> AsyncIterator[DemoSystem]:
    async with demo_system(tmp_path) as made:
        yield made


async def test_the_story_comes_true_and_says_what_happens() -> None:
    lines: list[str] = []
    assert await tell_story(False, lines.append) == 0
    told = click.unstyle("\n".join(lines))
    for sentence in (
        "attempt 3 of wtl-hlr-hss",
        "operatorDeterminedBarring",
        "has now come 2 times",
        "The story came true.",
    ):
        assert sentence in told
    assert "api-token" not in told
    assert "hss-token" not in told


async def test_left_running_it_says_what_to_try_and_stops_when_told() -> None:
    lines: list[str] = []

    def echo(line: str) -> None:
        lines.append(line)
        if "nsps show" in line:
            signal.raise_signal(signal.SIGINT)

    assert await tell_story(True, echo) == 0
    assert any("/control/faults" in line for line in lines)


async def test_an_hss_that_stays_away_breaks_the_story(system: DemoSystem) -> None:
    system.hss.faults.until_cleared(503)
    with pytest.raises(StoryBroken, match="not delivered"):
        await Story(system, lambda line: None, patience_s=0.4).tell()


async def test_a_wrong_password_breaks_the_story(system: DemoSystem) -> None:
    system.billing.espf.credentials = ("espf", "guess")
    with pytest.raises(StoryBroken, match="not in the store"):
        await Story(system, lambda line: None, patience_s=0.4).tell()
    assert system.billing.espf.dropped


def test_its_project_is_what_ships_with_a_quicker_retry(tmp_path: Path) -> None:
    write_project(tmp_path)
    loaded = load_project(tmp_path, {}, placeholders=True)
    assert [problem for problem in loaded.problems if problem.severity == "error"] == []
    assert yaml.safe_load((tmp_path / "nsps.yaml").read_text())["retry"] == "demo"
