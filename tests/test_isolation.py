"""A system that hangs holds up its own deliveries and nobody else's."""

from __future__ import annotations

from pathlib import Path

from tests.running import until, whole
from tests.target import CONNECTOR, NSPS, target_running, write_project

DEAD = """\
pipeline: {name}
events: ["SIM/*"]
map:
  key: to_string(data.variables.i_event)
dispatch:
  - call: {connector}.put
"""
LIMITS = "in_flight: {total: 40, per_pipeline: 10}\n"


def hanging_project(folder: Path, dead: int) -> Path:
    """A pipeline whose target answers, beside `dead` whose target hangs: together those could take all the room."""
    write_project(folder, NSPS + LIMITS, DEAD.format(name="main", connector="target"))
    slow = CONNECTOR.replace("connector: target", "connector: slow").replace("TARGET_URL", "SLOW_URL")
    (folder / "connectors/slow.yaml").write_text(slow.replace("timeout: 5s", "timeout: 60s"))
    for number in range(dead):
        text = DEAD.format(name=f"dead-{number}", connector="slow")
        (folder / f"pipelines/dead-{number}.yaml").write_text(text)
    return folder


async def test_hanging_targets_delay_no_delivery_of_another(tmp_path: Path) -> None:
    folder = hanging_project(tmp_path / "project", dead=4)
    async with target_running() as (slow, slow_url), whole(folder, SLOW_URL=slow_url) as running:
        slow.answers = ["hang"] * 1000
        for i_event in range(1, 61):
            assert (await running.espf(i_event)).status_code == 200
        wanted = {str(i_event) for i_event in range(1, 61)}
        await until(lambda: {request["key"] for request in running.target.requests} == wanted)
        assert len(slow.requests) == 40, "each of the four has its room, and no more"
        slow.let_go.set()
