"""What people do while events flow: pause and resume, take a pipeline away and bring it back, change files."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from dataclasses import replace

from benchmarks.chaos.project import STRICT, connector, pipeline
from benchmarks.chaos.scenario import Scenario
from benchmarks.chaos.stage import Stage, until
from benchmarks.chaos.system import processes_of
from benchmarks.chaos.verdict import Attack, Found


async def maintenance(stage: Stage) -> Found:
    """Paused and resumed under load, by turns everything and one pipeline."""
    rounds, pause_s = stage.size(5, 1), stage.size(5, 2)
    await stage.system.start()
    stop = asyncio.Event()
    load = asyncio.create_task(_until_told(stage, stop))
    leaks, held, faults = 0, [], []
    for round_ in range(rounds):
        await asyncio.sleep(1)
        scope = ["--pipeline", "main"] if round_ % 2 else []
        await stage.nsps("pause", *scope, "--reason", "maintenance")
        await asyncio.sleep(1.5)  # every process asks once a second what is held
        quiet_from = stage.target.lines()
        await asyncio.sleep(pause_s)
        leaks += stage.target.lines() - quiet_from
        held.append(stage.rows().unfinished)
        await stage.nsps("resume", *scope)
        faults.append(time.time())
    await asyncio.sleep(1)
    stop.set()
    await load
    found = await stage.verdict(Attack(faults=faults))
    found.notes.append(f"{rounds} pauses, up to {max(held)} held, {leaks} calls meanwhile")
    found.must(leaks == 0, f"{leaks} calls were made while it was paused")
    found.must(min(held) > 0, "nothing waited in one of the pauses: there was no load")
    return found


async def pipeline_taken_away(stage: Stage) -> Found:
    """Events wait; the process starts again without their pipeline, works on others, and gets it back."""
    project, count = stage.system.project, stage.size(500, 60)
    file = project / "pipelines" / "main.yaml"
    await stage.target.behave(target={"status": 503})
    await stage.system.start()
    await stage.sender.send(stage.events(count, accounts=100_000))
    await stage.system.stop()
    file.unlink()
    await stage.target.behave()
    await stage.system.start()
    free = stage.events(count, accounts=100_000, pipeline="free")  # of other accounts: theirs go to the same target
    await stage.sender.send([replace(one, account=one.account + 100_000) for one in free])
    await until(lambda: len(stage.target.effects().first_at) == count, "the other pipeline's events are stuck")
    before = stage.target.lines()
    await asyncio.sleep(stage.size(10, 2))
    waiting = stage.rows().by_pipeline["main", "waiting"]
    shown = await stage.nsps("status")
    await stage.system.stop()
    file.write_text(pipeline("main", STRICT))
    fault = time.time()
    await stage.system.start()
    found = await stage.verdict(Attack(faults=[fault]))
    found.notes.append(f"{waiting} waited meanwhile")
    found.must(waiting == count, f"{waiting} of {count} kept waiting")
    found.must(stage.target.lines() - before >= count and "main" in shown, "what waited was not shown by nsps status")
    return found


VERSIONED = connector().replace(
    "      lane: {type: string}\n", "      lane: {type: string}\n      version?: {type: string}\n"
)
VERSIONED = VERSIONED.replace('args.lane }}"}', 'args.lane }}", version: "{{ args.version | default(omit) }}"}')


async def configuration_swapped(stage: Stage) -> Found:
    """Every swap is awaited at the target; every tenth file is broken, and the one before must run on."""
    swaps = stage.size(50, 4)
    await stage.system.start()
    stop = asyncio.Event()
    load = asyncio.create_task(_until_told(stage, stop))
    broken_seen, slowest_s = 0, 0.0
    for version in range(1, swaps + 1):
        begun = time.monotonic()
        await _put(stage, f"{version}")
        await until(lambda v=f"{version}": stage.target.effects().versions[-1:] == [v], "a swap was not taken", 20)  # type: ignore[misc]
        slowest_s = max(slowest_s, time.monotonic() - begun)
        if version % 10 == 0:
            await _put(stage, "broken", "dispatch: [{call: nobody.put}]\n")
            await asyncio.sleep(2)
            await _put(stage, f"{version}")
            broken_seen += stage.target.effects().versions.count("broken")
    stop.set()
    await load
    found = await stage.verdict(Attack())
    configurations, version_of = stage.rows().configurations, stage.target.effects().version_of
    hashes = {one for of_event in configurations.values() for one in of_event}
    told = {(one, version_of[id_]) for id_, of_event in configurations.items() for one in of_event}
    found.notes.append(f"{swaps} swaps, each taken within {slowest_s:.1f} s; {len(hashes)} configurations recorded")
    found.must(not broken_seen, f"{broken_seen} events were delivered by a file that is refused")
    found.must(
        all(len(of_event) == 1 for of_event in configurations.values()), "an event was tried by two configurations"
    )
    found.must(len(told) == len(hashes), "what the target was told is not of the configuration that its attempt names")
    found.must(len(hashes) <= swaps + 1, f"{len(hashes)} configurations are recorded, there were {swaps + 1}")
    return found


async def _until_told(stage: Stage, stop: asyncio.Event) -> None:
    while not stop.is_set():
        await stage.sender.send(stage.events(50), per_s=100)


async def _put(stage: Stage, version: str, more: str = "") -> None:
    """The next pipeline's file, at once and whole; then all processes are asked to look."""
    text = pipeline("main", STRICT).replace("map:\n", f"map:\n  version: \"'{version}'\"\n")
    file = stage.system.project / "pipelines" / "main.yaml"
    new = file.with_suffix(".new")
    new.write_text(text.replace("dispatch: [{call: target.put}]\n", more) if more else text)
    new.replace(file)
    for pid in processes_of(stage.system):
        os.kill(pid, signal.SIGHUP)


SCENARIOS = (
    Scenario(
        id="T10",
        does="The configuration is swapped 50 times under load, every tenth time by a broken one, which is refused",
        run=configuration_swapped,
        files={"connectors/target.yaml": VERSIONED},
    ),
    Scenario(
        id="T21",
        does="Paused and resumed again and again under load: nothing is sent meanwhile, all in order afterwards",
        run=maintenance,
        quick=True,
    ),
    Scenario(
        id="T22",
        does="A pipeline is taken away while events wait for it: they keep waiting, visibly, until it is back",
        run=pipeline_taken_away,
    ),
)
