"""Valkey and PostgreSQL killed, wiped, stopped, frozen and full, while events flow."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable

from benchmarks.chaos.process import dead
from benchmarks.chaos.scenario import Scenario
from benchmarks.chaos.stage import Stage, until
from benchmarks.chaos.verdict import Attack, Found

Fault = Callable[[Stage, float], Awaitable[None]]


def during_load(fault: Fault, stored: bool) -> Callable[[Stage], Awaitable[Found]]:
    """Load before, during and after a fault, which takes some seconds. `stored`: events must be answered 200 meanwhile."""

    async def played(stage: Stage) -> Found:
        outage_s = stage.size(30, 5)
        await stage.target.behave(target={"delay_s": 0.05})
        await stage.system.start()
        load = asyncio.create_task(stage.sender.send(stage.events(stage.size(6000, 1500)), in_flight=32, per_s=120))
        await asyncio.sleep(4)
        began = time.time()
        await fault(stage, outage_s)
        ended = time.time()
        await load
        found = await stage.verdict(Attack(faults=[ended]))
        taken = sum(began < at < ended for at in stage.sender.accepted.values())
        moved = sum(began < at < ended for at in stage.target.effects().at)
        lasted = ended - began
        found.notes.append(f"in the {lasted:.0f} s of it {taken} accepted, {moved} delivered")
        if stored:
            found.must(
                taken > 60 * lasted, f"only {taken} events were accepted in {lasted:.0f} s: the queue is only a hint"
            )
            found.must(moved > 30 * lasted, f"only {moved} events were delivered in {lasted:.0f} s")
        return found

    return played


async def killed(stage: Stage, _outage_s: float) -> None:
    """kill -9; it starts again with what its append-only file holds."""
    stage.system.valkey.kill()
    await asyncio.to_thread(stage.system.valkey.start)


async def wiped(stage: Stage, _outage_s: float) -> None:
    """kill -9, and its data is gone."""
    stage.system.valkey.kill()
    shutil.rmtree(stage.system.valkey_folder)
    stage.system.valkey_folder.mkdir()
    await asyncio.to_thread(stage.system.valkey.start)


async def away(stage: Stage, outage_s: float) -> None:
    """Nothing listens there."""
    stage.system.valkey.kill()
    await asyncio.sleep(outage_s)
    await asyncio.to_thread(stage.system.valkey.start)


async def frozen(stage: Stage, outage_s: float) -> None:
    """It takes connections and answers nothing."""
    stage.system.valkey.freeze()
    await asyncio.sleep(outage_s)
    stage.system.valkey.thaw()


async def out_of_memory(stage: Stage, outage_s: float) -> None:
    """It refuses every write."""
    with stage.system.valkey.client() as client:
        client.config_set("maxmemory", "1")
        await asyncio.sleep(outage_s)
        client.config_set("maxmemory", "0")


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


def _scenario(id_: str, does: str, fault: Fault, stored: bool = True) -> Scenario:
    return Scenario(id=id_, does=does, run=during_load(fault, stored), on=("split",))


SCENARIOS = (
    _scenario("T05a", "Valkey is killed with -9 and starts again from its append-only file", killed, stored=False),
    _scenario("T05b", "Valkey is killed with -9 and its data wiped", wiped, stored=False),
    _scenario("T06a", "Valkey is away for 30 s: receivers store, workers go on from the store", away),
    _scenario("T06b", "Valkey is stopped (SIGSTOP) for 30 s: it takes connections and never answers", frozen),
    _scenario("T06c", "Valkey has no memory left and refuses every write for 30 s", out_of_memory),
    _scenario("T06d", "PostgreSQL is stopped for 30 s: posts are answered 503", store_stopped, stored=False),
    _scenario("T06e", "PostgreSQL and all its processes are killed with -9", store_killed, stored=False),
)
