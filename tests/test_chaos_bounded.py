"""The part of the survival program that every test run plays: real processes, small counts, the seed of chance fixed."""

from __future__ import annotations

import pytest

from benchmarks.chaos.play import play
from benchmarks.chaos.scenario import Scenario
from benchmarks.chaos.scenarios import SCENARIOS

SEED = 1
QUICK = [scenario for scenario in SCENARIOS if scenario.quick]


@pytest.mark.parametrize("scenario", QUICK, ids=[scenario.id for scenario in QUICK])
async def test_it_survives(scenario: Scenario) -> None:
    played = await play(scenario, "embedded", SEED, quick=True)
    assert played.found is not None, played.not_run
    assert not played.found.problems, f"look into {played.kept}"
    assert played.found.accepted > 0
    assert played.found.lost == 0


def test_every_scenario_has_a_name_of_its_own_and_says_what_it_does() -> None:
    names = [scenario.id for scenario in SCENARIOS]
    assert len(names) == len(set(names))
    assert all(len(scenario.does) > 20 for scenario in SCENARIOS)
