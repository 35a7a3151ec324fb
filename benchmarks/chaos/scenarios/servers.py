"""The queue's server and PostgreSQL killed, wiped, stopped, frozen and full, while events flow."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal

from benchmarks.chaos.process import dead
from benchmarks.chaos.scenario import ON_QUEUES, Scenario, Where
from benchmarks.chaos.stage import Stage, until
from benchmarks.chaos.verdict import Attack, Found

Fault = Callable[[Stage, float], Awaitable[None]]
PER_S = 80


def during_load(fault: Fault, *, times: int = 1, stored: bool = False, forgets: bool = False) -> Any:
    """Load before, during and after a fault, which takes some seconds or happens so many times.

    `stored`: events must be answered 200 and delivered meanwhile. `forgets`: hints are lost, so what waited then is timed.
    """
    recovers: Literal["waiting", "anything"] = "waiting" if forgets else "anything"

    async def played(stage: Stage) -> Found:
        outage_s = stage.size(30, 5)
        await stage.target.behave(target={"delay_s": 0.05})
        await stage.system.start()
        load = asyncio.create_task(stage.sender.send(stage.events(stage.size(4000, 1500)), in_flight=32, per_s=PER_S))
        spans = [await _one(stage, fault, outage_s) for _ in range(times)]
        await load
        faults = [began if forgets else ended for began, ended in spans]
        found = await stage.verdict(Attack(faults=faults, recovers=recovers))
        _note_of_it(stage, found, spans, stored)
        return found

    return played


async def _one(stage: Stage, fault: Fault, outage_s: float) -> tuple[float, float]:
    await asyncio.sleep(4)
    began = time.time()
    await fault(stage, outage_s)
    return began, time.time()


def _note_of_it(stage: Stage, found: Found, spans: Sequence[tuple[float, float]], stored: bool) -> None:
    taken = sum(_within(at, spans) for at in stage.sender.accepted.values())
    moved = sum(_within(at, spans) for at in stage.target.effects().at)
    lasted = sum(ended - began for began, ended in spans)
    times = f", {len(spans)} times" if len(spans) > 1 else ""
    found.notes.append(f"in the {lasted:.0f} s of it{times}: {taken} accepted, {moved} delivered")
    if stored:
        found.must(taken > PER_S / 2 * lasted, f"only {taken} events were accepted: the queue is only a hint")
        found.must(moved > PER_S / 4 * lasted, f"only {moved} events were delivered")


def _within(at: float, spans: Sequence[tuple[float, float]]) -> bool:
    return any(began < at < ended for began, ended in spans)


async def killed(stage: Stage, _outage_s: float) -> None:
    """kill -9; it starts again with what it had on disk."""
    await asyncio.to_thread(stage.system.queue.kill)
    await asyncio.to_thread(stage.system.queue.start)


async def killed_synced(stage: Stage, outage_s: float) -> None:
    """The same, where each write was on the disk before it was answered."""
    stage.system.queue.sync_always()
    await asyncio.sleep(2)
    await killed(stage, outage_s)


async def wiped(stage: Stage, _outage_s: float) -> None:
    """kill -9, and its data is gone."""
    await asyncio.to_thread(stage.system.queue.kill)
    await asyncio.to_thread(stage.system.queue.wipe)
    await asyncio.to_thread(stage.system.queue.start)


async def away(stage: Stage, outage_s: float) -> None:
    """Nothing listens there."""
    await asyncio.to_thread(stage.system.queue.kill)
    await asyncio.sleep(outage_s)
    await asyncio.to_thread(stage.system.queue.start)


async def frozen(stage: Stage, outage_s: float) -> None:
    """It takes connections and answers nothing."""
    stage.system.queue.freeze()
    await asyncio.sleep(outage_s)
    stage.system.queue.thaw()


async def out_of_memory(stage: Stage, outage_s: float) -> None:
    """It refuses every write."""
    await asyncio.to_thread(stage.system.queue.full, True)
    await asyncio.sleep(outage_s)
    await asyncio.to_thread(stage.system.queue.full, False)


async def read_only(stage: Stage, outage_s: float) -> None:
    """It has become a replica."""
    stage.system.queue.read_only(True)
    await asyncio.sleep(outage_s)
    stage.system.queue.read_only(False)


async def store_stopped(stage: Stage, outage_s: float) -> None:
    """As an operator stops it: connections are cut."""
    await asyncio.to_thread(stage.system.postgres.stop)
    await asyncio.sleep(outage_s)
    await asyncio.to_thread(stage.system.postgres.start)


async def store_killed(stage: Stage, _outage_s: float) -> None:
    """kill -9 of the server and all its processes; it recovers from its log."""
    server = stage.system.postgres
    lock = server.data / "postmaster.pid"
    pid = lock.read_text().split()[0]
    await asyncio.to_thread(server.kill)
    await until(lambda: dead(int(pid)), "PostgreSQL did not die")
    lock.unlink(missing_ok=True)  # a process that nobody reaps looks alive to the next one
    await asyncio.to_thread(stage.system.postgres.start)


def _scenario(id_: str, does: str, run: Any, on: tuple[Where, ...] = ON_QUEUES) -> Scenario:
    return Scenario(id=id_, does=does, run=run, on=on)


VALKEY: tuple[Where, ...] = ("split",)

SCENARIOS = (
    _scenario(
        "T05a",
        "The queue's server is killed with -9 three times and starts again with what it had on disk",
        during_load(killed, times=3, forgets=True),
    ),
    _scenario(
        "T05b",
        "The queue's server is killed with -9 and its data wiped, three times",
        during_load(wiped, times=3, forgets=True),
    ),
    _scenario(
        "T05c",
        "Valkey that syncs each write (`appendfsync always`) is killed with -9 three times",
        during_load(killed_synced, times=3, forgets=True),
        VALKEY,
    ),
    _scenario(
        "T06a",
        "The queue's server is away for 30 s: receivers store, workers go on from the store",
        during_load(away, stored=True),
    ),
    _scenario(
        "T06b",
        "The queue's server is stopped (SIGSTOP) for 30 s: it takes connections and never answers",
        during_load(frozen, stored=True),
    ),
    _scenario(
        "T06c",
        "The queue's server has no memory left and refuses every message for 30 s",
        during_load(out_of_memory, stored=True),
    ),
    _scenario(
        "T06d",
        "PostgreSQL is stopped for 30 s: posts are answered 503",
        during_load(store_stopped),
        VALKEY,
    ),
    _scenario(
        "T06e",
        "PostgreSQL and all its processes are killed with -9 three times",
        during_load(store_killed, times=3),
        VALKEY,
    ),
    _scenario(
        "T06f",
        "Valkey has become a read-only replica for 30 s",
        during_load(read_only, stored=True),
        VALKEY,
    ),
)
