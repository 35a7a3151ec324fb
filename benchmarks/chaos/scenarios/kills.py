"""Processes killed with -9: at random under load, mid-request, and at the two moments that matter."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from benchmarks.chaos.scenario import EVERYWHERE, Scenario
from benchmarks.chaos.stage import Stage
from benchmarks.chaos.verdict import Attack, Found


def killed(faults: Sequence[float], allowed: int, pids: Mapping[int, float] | None = None) -> Attack:
    """What a killed process held moves again within 15 s. `pids`: when each was killed, where several run."""
    return Attack(
        kills=len(faults),
        faults=faults,
        allowed=allowed,
        recovers="held",
        killed=pids or {},
    )


async def killed_under_load(stage: Stage) -> Found:
    """The rate makes the load last while the kills go on. Of two workers one is left that works: the other's are its then."""
    system, per_s, every_s = stage.system, stage.size(200, 100), 0.5 if stage.quick else 2.0
    events = stage.events(stage.size(5000, 500))
    await stage.target.behave(target={"delay_s": 0.02})
    await system.start()
    load = asyncio.create_task(stage.sender.send(events, in_flight=32, per_s=per_s))
    faults: dict[int, float] = {}
    while not load.done():
        await asyncio.wait([load], timeout=every_s)
        if load.done():
            break
        kinds = [kind for kind in system.kinds if system.spare(kind)]
        if not kinds:
            continue
        pid = stage.chance.choice(system.spare(stage.chance.choice(kinds)))
        faults[pid] = time.time()
        await system.kill(pid)
    await load
    found = await stage.verdict(killed(list(faults.values()), len(faults) * system.in_flight, faults))
    found.must(len(faults) > 0, "there was no time to kill: make it last longer")
    return found


async def receiver_killed_mid_request(stage: Stage) -> Found:
    """Each round posts a burst and kills the receiver within it; the sender repeats.

    Between two kills it takes longer to start than it lives, so what was in flight, which runs alone, piles up: how soon that
    moves again is counted from the last kill.
    """
    system, rounds = stage.system, stage.size(20, 2)
    await system.start()
    faults: list[float] = []
    for _ in range(rounds):
        burst = asyncio.create_task(stage.sender.send(stage.events(60, accounts=1000), in_flight=30))
        await asyncio.sleep(stage.chance.uniform(0.0, 0.05))
        faults.append(time.time())
        await system.kill(stage.chance.choice(system.pids(system.kinds[0])))
        await burst
    found = await stage.verdict(replace(killed(faults, rounds * system.in_flight), faults=faults[-1:]))
    found.notes.append(f"{stage.sender.answers[None]} posts unanswered")
    found.must(stage.sender.answers[None] > 0, "no post was cut: it killed nothing")
    return found


async def between_commit_and_enqueue(stage: Stage) -> Found:
    """It dies when an event is stored and nobody knows of it; the sender, who saw no answer, repeats."""
    system, rounds = stage.system, stage.size(10, 2)
    faults: list[float] = []
    for _ in range(rounds):
        await system.start_mortal("committed", stage.chance.randrange(1, 6))
        burst = asyncio.create_task(stage.sender.send(stage.events(12, accounts=1000), in_flight=4))
        await system.died()
        faults.append(time.time())
        await system.start()
        await burst
        await system.stop()
    await system.start()
    found = await stage.verdict(killed(faults, rounds * system.in_flight))
    repeats = stage.rows().repeats
    found.notes.append(f"{repeats} repeats recognised")
    found.must(repeats >= rounds, "the event that was stored and not answered came again and was not recognised")
    return found


async def between_answer_and_commit(stage: Stage) -> Found:
    """It dies when the target has answered and nothing is recorded: exactly that call is repeated, under its key."""
    system, rounds = stage.system, stage.size(10, 2)
    faults: list[float] = []
    for _ in range(rounds):
        await system.start_mortal("answered", 1)
        await stage.sender.post(stage.events(1)[0])
        await system.died()
        faults.append(time.time())
        await system.start()
        await stage.settled()
        await system.stop()
    found = await stage.verdict(killed(faults, rounds))
    unknown = stage.rows().endings["unknown"]
    found.notes.append(f"{unknown} attempts recorded as unknown")
    found.must(found.duplicates == rounds, f"{rounds} calls of unknown outcome, {found.duplicates} repeated")
    found.must(unknown == rounds, f"{unknown} attempts are recorded as unknown, not {rounds}")
    return found


SCENARIOS = (
    Scenario(
        id="T01",
        does="A random process (of two workers, not both at once) is killed with -9 every 2 s under load, and started again",
        run=killed_under_load,
        on=EVERYWHERE,
        quick=True,
    ),
    Scenario(
        id="T02",
        does="The receiver is killed with -9 in the middle of bursts; the sender repeats what was not answered",
        run=receiver_killed_mid_request,
    ),
    Scenario(
        id="T03",
        does="Killed between the commit of an event and its enqueueing; then the sender repeats it",
        run=between_commit_and_enqueue,
        on=EVERYWHERE,
    ),
    Scenario(
        id="T04",
        does="Killed between the target's answer and our commit: one repeat each, with the key of the first",
        run=between_answer_and_commit,
    ),
)
