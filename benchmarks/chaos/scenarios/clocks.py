"""Time that misbehaves: steps of the clock under load, and a month in a moment."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.chaos.month import DAY_S, HOUR_S, stand_for_a_month
from benchmarks.chaos.scenario import Scenario
from benchmarks.chaos.stage import Stage
from benchmarks.chaos.verdict import Attack, Found

# What docs/delivery.md promises, in seconds and without jitter.
LONG = [HOUR_S * hours for hours in (1, 2, 4, 8, 16, *[24] * 28)]
EXPECTED = {
    "standard": [5, 10, 20, 40, 80, 160, 320, *[600] * 142, *LONG],
    "nsps": [60, 120, 240, 480, *[600] * 95, *LONG],
}


async def clock_steps(stage: Stage) -> Found:
    """The process's clock jumps an hour ahead, back, an hour behind and right again while calls are retried; and the events'
    own times are of the past, of the future, or absent."""
    file = stage.folder / "clock"
    _set(file, "0")
    await stage.target.behave(target={"share_503": 0.3})
    await stage.system.start_mortal("never", clocks=[file])
    steps, each_s = ("3600", "0", "-3600", "0"), stage.size(6, 2)
    events = [replace(event, event_time=_some_time(stage)) for event in stage.events(stage.size(3000, 600))]
    load = asyncio.create_task(stage.sender.send(events, per_s=100))
    faults = []
    for step in steps:
        await asyncio.sleep(each_s)
        _set(file, step)
        faults.append(time.time())
    await load
    await stage.target.behave()
    found = await stage.verdict(Attack(faults=faults, ordered=False), within_s=60)
    asked = stage.target.effects().asked
    found.notes.append(f"at most {max(asked.values())} requests for one event")
    found.must(max(asked.values()) < 30, f"a storm: {max(asked.values())} requests for one event")
    return found


async def skewed_processes(stage: Stage) -> Found:
    """Half of the receivers and workers are ten minutes ahead, half ten minutes behind."""
    ahead, behind = stage.folder / "ahead", stage.folder / "behind"
    _set(ahead, "600")
    _set(behind, "-600")
    await stage.target.behave(target={"share_503": 0.2})
    await stage.system.start_mortal("never", clocks=[ahead, behind])
    begun = time.time()
    await stage.sender.send(stage.events(stage.size(3000, 300)), per_s=100)
    found = await stage.verdict(Attack(faults=[begun]))
    asked = stage.target.effects().asked
    found.notes.append(f"at most {max(asked.values())} requests for one event")
    found.must(max(asked.values()) < 30, f"a storm: {max(asked.values())} requests for one event")
    return found


def _some_time(stage: Stage) -> str:
    """Now, years ago, years ahead, or none."""
    now = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
    return stage.chance.choice((now, "2016-02-29 23:59:59", "2036-01-01 00:00:00", ""))


def _set(file: Path, seconds: str) -> None:
    """At once, so that nobody reads half of it."""
    new = file.with_suffix(".new")
    new.write_text(seconds)
    new.replace(file)


async def month_in_a_moment(stage: Stage) -> Found:
    """The real parts in this process, on a virtual clock; the target refuses each call. Each attempt is claimed at its
    very instant, and cannot be claimed a moment before."""
    found = Found(sent=len(EXPECTED), accepted=len(EXPECTED))
    await stage.target.behave(target={"status": 503})
    for name, nominal in EXPECTED.items():
        state, waits = await stand_for_a_month(stage, name)
        days = sum(waits) / DAY_S
        found.notes.append(f"{name}: {len(waits) + 1} attempts over {days:.1f} days, then {state}")
        found.must(state == "failed", f"{name}: it ended {state}")
        found.must(len(waits) == len(nominal), f"{name}: {len(waits)} delays, expected {len(nominal)}")
        off = [
            number
            for number, (wait, exact) in enumerate(zip(waits, nominal, strict=False), start=1)
            if not exact <= wait <= 1.1 * exact
        ]
        found.must(not off, f"{name}: the delays after attempts {off[:5]} are not what is promised")
    return found


SCENARIOS = (
    Scenario(
        id="T14",
        does="A target refuses for a month (virtual clock): every attempt at its exact instant, then `failed`",
        run=month_in_a_moment,
        on=("embedded",),
    ),
    Scenario(
        id="T15a",
        does="The clock steps an hour ahead, back, an hour behind and right again under load; event times of any year, or none",
        run=clock_steps,
    ),
    Scenario(
        id="T15b",
        does="Half of the receivers and workers have a clock ten minutes ahead, half ten minutes behind",
        run=skewed_processes,
        on=("split",),
    ),
)
