"""All scenarios, in the order of the table."""

from benchmarks.chaos.scenario import Scenario
from benchmarks.chaos.scenarios import clocks, control, flow, kills, outages, servers, sizes, targets

ALL = (
    *kills.SCENARIOS,
    *outages.SCENARIOS,
    *servers.SCENARIOS,
    *flow.SCENARIOS,
    *clocks.SCENARIOS,
    *targets.SCENARIOS,
    *sizes.SCENARIOS,
    *control.SCENARIOS,
)
SCENARIOS: tuple[Scenario, ...] = tuple(sorted(ALL, key=lambda scenario: scenario.id))
