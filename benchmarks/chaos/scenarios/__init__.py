"""All scenarios, in the order of the table."""

from benchmarks.chaos.scenario import Scenario
from benchmarks.chaos.scenarios import flow, kills, outages

ALL = (*kills.SCENARIOS, *outages.SCENARIOS, *flow.SCENARIOS)
SCENARIOS: tuple[Scenario, ...] = tuple(sorted(ALL, key=lambda scenario: scenario.id))
