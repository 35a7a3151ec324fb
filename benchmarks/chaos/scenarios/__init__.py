"""All scenarios, in the order of the table."""

from benchmarks.chaos.scenario import Scenario
from benchmarks.chaos.scenarios import kills

SCENARIOS: tuple[Scenario, ...] = tuple(sorted((*kills.SCENARIOS,), key=lambda scenario: scenario.id))
