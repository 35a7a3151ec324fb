"""Large bodies, many events: what a process keeps in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from benchmarks.chaos.scenario import Scenario
from benchmarks.chaos.stage import Stage
from benchmarks.chaos.system import processes_of
from benchmarks.chaos.verdict import Attack, Found
from benchmarks.process import rss_mib_of

ALMOST_1_MIB = "x" * 1_040_000


async def large_bodies(stage: Stage) -> Found:
    """Almost 1 MiB each; then one of 10 MB, which is refused."""
    await stage.system.start()
    for part in _parts(stage.size(1000, 40), 20):
        await stage.sender.send(stage.events(part, accounts=100_000, filler=ALMOST_1_MIB), in_flight=8)
    grown = _rss(stage)
    found = await stage.verdict(Attack(), within_s=240)
    found.notes.append(f"{grown:.0f} MiB")
    found.must(grown < 400, f"{grown:.0f} MiB in memory")
    (big,) = stage.events(1, filler="x" * 10_000_000)
    await stage.sender.post(big)
    found.must(stage.sender.answers[413] == 1, f"a body of 10 MB was answered {dict(stage.sender.answers)}")
    return found


async def many_events(stage: Stage) -> Found:
    """As fast as they are taken; memory is read all the while."""
    await stage.system.start()
    count, seen = stage.size(100_000, 2000), []
    for part in _parts(count, max(200, count // 20)):
        await stage.sender.send(stage.events(part, accounts=100_000), in_flight=32)
        seen.append(_rss(stage))
    found = await stage.verdict(Attack(ordered=False), within_s=300)
    await asyncio.sleep(1)
    found.notes.append(f"{max(seen):.0f} MiB at most, {_rss(stage):.0f} MiB afterwards")
    found.must(max(seen) < 250, f"{max(seen):.0f} MiB in memory")
    return found


def _parts(count: int, size: int) -> Iterator[int]:
    while count > 0:
        yield min(size, count)
        count -= size


def _rss(stage: Stage) -> float:
    """Of the largest process."""
    return max(rss_mib_of(pid) for pid in processes_of(stage.system))


SCENARIOS = (
    Scenario(id="T19a", does="1,000 events of almost 1 MiB; one of 10 MB is refused", run=large_bodies),
    Scenario(id="T19b", does="100,000 events as fast as they are taken", run=many_events),
)
