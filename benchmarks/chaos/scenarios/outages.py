"""What a process depends on gives way: the disk is full, the file is locked, it is told to stop."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable

from benchmarks.chaos.project import NSPS, connector
from benchmarks.chaos.scenario import NotHere, Scenario
from benchmarks.chaos.scenarios.kills import killed
from benchmarks.chaos.stage import Stage, until
from benchmarks.chaos.verdict import Attack, Found

FILLER = "x" * 100_000


async def file_may_not_grow(stage: Stage) -> Found:
    """RLIMIT_FSIZE of the running process: writes fail as on a full disk, and nobody needs to be root."""
    (pid,) = await _started(stage)
    sizes = [file.stat().st_size for file in (stage.system.project / "var").iterdir()]
    limit = max(sizes) + (1 << 20)

    def full(on: bool) -> None:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit if on else resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    return await _no_room(stage, full)


async def disk_full(stage: Stage) -> Found:
    """A file system of 16 MB that grows again: needs the right to mount one."""
    var = stage.system.project / "var"
    var.mkdir(exist_ok=True)
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(var)], capture_output=True, check=False
    )
    if made.returncode:
        raise NotHere("no file system can be mounted without being root")
    try:
        await _started(stage)

        def full(on: bool) -> None:
            size = "16m" if on else "512m"
            subprocess.run(["mount", "-o", f"remount,size={size}", str(var)], check=True)

        return await _no_room(stage, full)
    finally:
        stage.system.abort()
        subprocess.run(["umount", "-l", str(var)], check=False)


async def _started(stage: Stage) -> list[int]:
    await stage.system.start()
    return list(stage.system.pids("all in one"))


async def _no_room(stage: Stage, full: Callable[[bool], None]) -> Found:
    """Events are posted until some are refused; then there is room again, and no process is started anew."""
    await asyncio.to_thread(full, True)
    events = stage.events(stage.size(400, 200), filler=FILLER)
    load = asyncio.create_task(stage.sender.send(events))
    await until(lambda: stage.sender.answers[503] >= 20 or load.done(), "it never ran out of room")
    refused = stage.sender.answers[503]
    await asyncio.sleep(stage.size(5, 1))
    await asyncio.to_thread(full, False)
    fault = time.time()
    await load
    found = await stage.verdict(Attack(faults=[fault]))
    found.notes.append(f"{stage.sender.answers[503]} posts answered 503")
    found.must(refused > 0, "nothing was refused: there was room all the time")
    found.must(stage.sender.answers[None] == 0, "posts were left without an answer")
    return found


async def store_locked(stage: Stage) -> Found:
    """Somebody holds the write lock for longer than a writer waits."""
    await stage.system.start()
    await stage.sender.send(stage.events(20))
    events = stage.events(stage.size(600, 100), accounts=1000)
    locker = sqlite3.connect(stage.system.project / "var" / "nsps.db", isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    load = asyncio.create_task(stage.sender.send(events))
    await asyncio.sleep(30)
    locker.execute("ROLLBACK")
    locker.close()
    fault = time.time()
    await load
    found = await stage.verdict(Attack(faults=[fault]))
    found.notes.append(f"{stage.sender.answers[503]} posts answered 503")
    found.must(stage.sender.answers[503] > 0, "nothing was refused: it was not locked for long enough")
    return found


async def asked_to_stop(stage: Stage) -> Found:
    """SIGTERM while 100 slow calls are under way and more wait: those under way are finished, none is repeated."""
    system, calls = stage.system, 100
    slow_s = stage.size(3, 2)
    await stage.target.behave(target={"delay_s": slow_s})
    await system.start()
    await stage.sender.send(stage.events(calls + stage.size(200, 50), accounts=100_000, pipeline="free"), in_flight=32)
    await until(lambda: stage.target.lines() >= calls, "the calls did not begin")
    begun = time.monotonic()
    codes = await system.stop()
    took_s, finished = time.monotonic() - begun, stage.target.lines()
    await stage.target.behave()
    await system.start()
    fault = time.time()
    found = await stage.verdict(Attack(faults=[fault], recovers="waiting"))
    found.notes.append(f"{finished} calls of {slow_s} s finished, stopped within {took_s:.1f} s")
    found.must(all(code == 0 for code in codes), f"exit codes {codes}")
    found.must(took_s < slow_s + 15, f"it took {took_s:.1f} s to stop")
    return found


async def stopped_beyond_grace(stage: Stage) -> Found:
    """SIGTERM while calls hang for longer than the grace: they are given back, and sent again at once after the start."""
    system, count = stage.system, 20
    await stage.target.behave(target={"mode": "hang"})
    await system.start()
    await stage.sender.send(stage.events(count, accounts=100_000, pipeline="free"))
    await until(lambda: stage.target.lines() >= count, "the calls did not begin")
    begun = time.monotonic()
    codes = await system.stop()
    took_s = time.monotonic() - begun
    await stage.target.behave()
    fault = time.time()  # a worker may be at it before the last process says that it is ready
    await system.start()
    ready_s = time.time() - fault
    found = await stage.verdict(Attack(faults=[fault]))
    found.notes.append(f"stopped within {took_s:.1f} s, ready again within {ready_s:.1f} s")
    found.must(all(code == 0 for code in codes), f"exit codes {codes}")
    found.must(20 < took_s < 35, f"it took {took_s:.1f} s to stop, the grace is 25 s")
    found.must((found.recovery_s or 0) < ready_s + 5, "what was given back was not sent at once")
    return found


async def frozen_and_woken(stage: Stage) -> Found:
    """SIGSTOP beyond the lease; another worker takes over; then SIGCONT. The first must not act on what it held."""
    system, rounds = stage.system, stage.size(2, 1)
    await stage.target.behave(target={"delay_s": 1.0})
    await system.start()
    load = asyncio.create_task(stage.sender.send(stage.events(stage.size(1200, 400)), per_s=20))
    faults: dict[int, float] = {}
    for _ in range(rounds):
        await asyncio.sleep(4)
        frozen = stage.chance.choice([pid for pid in system.pids("worker") if pid not in faults])
        os.kill(frozen, signal.SIGSTOP)
        faults[frozen] = time.time()
        await asyncio.sleep(20)
        os.kill(frozen, signal.SIGCONT)
    await load
    return await stage.verdict(killed(list(faults.values()), rounds * system.in_flight, faults))


SCENARIOS = (
    Scenario(
        id="T01s",
        does="One of two workers is stopped (SIGSTOP) beyond its lease, then woken: its claims are another's by then",
        run=frozen_and_woken,
        on=("split",),
    ),
    Scenario(
        id="T07a",
        does="The store's file may not grow; posts are answered 503; then it may again, without a restart",
        run=file_may_not_grow,
        on=("embedded",),
        quick=True,
    ),
    Scenario(
        id="T07b",
        does="The disk is full (a file system of 16 MB), then has room again, without a restart",
        run=disk_full,
        on=("embedded",),
    ),
    Scenario(
        id="T07c",
        does="The store's file is locked by somebody else for 30 s",
        run=store_locked,
        on=("embedded",),
    ),
    Scenario(
        id="T08a",
        does="SIGTERM while 100 slow calls or more are under way and others wait: finished, and the rest sent after the start",
        run=asked_to_stop,
        files={"nsps.yaml": NSPS.replace("{total: 64, per_pipeline: 32}", "{total: 100, per_pipeline: 100}")},
    ),
    Scenario(
        id="T08b",
        does="SIGTERM while calls hang for longer than the grace: given back, and sent at once after the next start",
        run=stopped_beyond_grace,
        files={"connectors/target.yaml": connector().replace("timeout: 5s", "timeout: 40s")},
    ),
)
