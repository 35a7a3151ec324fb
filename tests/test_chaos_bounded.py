"""The part of the survival program that every test run plays: real processes, small counts, the seed of chance fixed."""

from __future__ import annotations

import pytest

from benchmarks.chaos.play import Played, play
from benchmarks.chaos.report import table
from benchmarks.chaos.scenario import Scenario
from benchmarks.chaos.scenarios import SCENARIOS
from benchmarks.chaos.verdict import Found

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


def test_what_failed_and_what_was_not_played_is_seen_in_the_table_and_so_is_how_to_play_it_again() -> None:
    first, second, third = SCENARIOS[:3]
    played = [
        Played(scenario=first, where="split", found=Found(sent=5, accepted=5, kills=1, allowed=64, duplicates=2)),
        Played(scenario=second, where="split", found=Found(sent=5, accepted=5, lost=1, problems=["one | is\ngone"])),
        Played(scenario=third, where="amqp", not_run="no RabbitMQ here"),
    ]
    lines = list(table(played, "python -m benchmarks.chaos --seed 7"))
    assert lines[0].startswith("`python -m benchmarks.chaos --seed 7`, played on 20") and "processors" in lines[0]
    assert f"3 scenarios: 1 held, 1 failed, 1 not run. **Failed: {second.id} split**" in lines[2]
    rows = [line for line in lines if line.startswith("| T")]
    assert "| ok | 5 | 5 | 1 | 0 | 2 of 64 |" in rows[0]
    assert "| **failed** |" in rows[1] and "one / is gone" in rows[1]
    assert "| **not run** |" in rows[2] and "no RabbitMQ here" in rows[2]
    assert {line.count("|") for line in lines if line.startswith("|")} == {12}
