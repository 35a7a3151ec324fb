"""The store alone: accepts, then claims and finishes; prints rates, CPU of this process and of the server.

python -m benchmarks.store [--events N] [--in-flight N] [--memory | --postgresql | --url URL] [--profile]

`--postgresql` starts the server of the tests' wheel, durable as operators run it.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import orjson
import psutil

from engine.clock import SystemClock
from engine.delivery import Ending, Outcome, Routed
from engine.event import Event
from engine.storage.protocol import Arrival, Claimed, Finished
from engine.storage.store import Store

T = TypeVar("T")
TRACE = b'{"steps":[{"id":"sync","call":"wtl-hss.sync","verdict":"ok"}]}' * 16


def arrival(number: int, now: datetime) -> Arrival:
    """A small webhook, ordered by account."""
    variables = {"i_env": 3, "i_event": number, "i_account": number % 50_000, "event_time": "2025-05-01 12:00:00"}
    data = {"event_type": "SIM/Updated", "variables": variables}
    event = Event(
        id=str(uuid.uuid4()),
        source="espf",
        received_at=now,
        event_type="SIM/Updated",
        data=data,
        body=orjson.dumps(data),
        i_env="3",
        i_event=str(number),
        trace_id=uuid.uuid4().hex,
    )
    routed = Routed(
        pipeline="wtl",
        lane=f"wtl/3/{number % 50_000}",
        mode="latest",
        position_time=now,
        position_event=number,
    )
    return Arrival(event=event, routed=[routed], key=f"espf/3/{number}/SIM", id_key=f"espf/3/{number}")


async def accept_all(store: Store, arrivals: list[Arrival], in_flight: int) -> list[int]:
    ids: list[int] = []
    waiting = iter(arrivals)

    async def sender() -> None:
        for one in waiting:
            ids.extend((await store.accept(one)).delivery_ids)

    await asyncio.gather(*(sender() for _ in range(in_flight)))
    return ids


async def work_all(store: Store, ids: list[int], clock: SystemClock, batch: int) -> None:
    batches = iter([ids[at : at + batch] for at in range(0, len(ids), batch)])

    async def worker() -> None:
        for some in batches:
            claimed = await store.claim(some, "bench", ["wtl"], clock.now())
            await asyncio.gather(*(finish(store, one, clock) for one in claimed))

    await asyncio.gather(worker(), worker())


async def finish(store: Store, claimed: Claimed, clock: SystemClock) -> None:
    await asyncio.sleep(0)
    now = clock.now()
    outcome = Outcome(state="delivered", ending=Ending(kind="delivered"))
    await store.finish(
        Finished(
            delivery_id=claimed.delivery_id,
            fence=claimed.fence,
            number=claimed.attempts + 1,
            started_at=now,
            ended_at=now,
            outcome=outcome,
            trace=TRACE,
            search={"imsi": f"25001{claimed.delivery_id:010}"},
        )
    )


def server_cpu_s(main: int) -> float:
    """CPU seconds of the server whose first process this is, 0 for none."""
    if not main:
        return 0.0
    times = [process.cpu_times() for process in (psutil.Process(main), *psutil.Process(main).children())]
    return sum(one.user + one.system for one in times)


async def timed(what: str, measured: Measured, number: int, job: Callable[[], Awaitable[T]]) -> T:
    store = measured.store
    commits, wall, cpu = store.commits, time.perf_counter(), time.process_time()
    server = server_cpu_s(measured.server)
    result = await job()
    took, used = time.perf_counter() - wall, time.process_time() - cpu
    commits, server = store.commits - commits, server_cpu_s(measured.server) - server
    told = f"  {server / number * 1e6:5.0f} us CPU of the server" if measured.server else ""
    print(
        f"{what:14} {number / took:8,.0f}/s  {used / number * 1e6:5.0f} us CPU{told}  {number / commits:5.1f} a commit"
    )
    return result


@dataclass(frozen=True)
class Measured:
    """A store, and the first process of the server to watch (0: none)."""

    store: Store
    server: int


async def main(chosen: argparse.Namespace, url: str, server: int = 0) -> None:
    clock = SystemClock()
    with tempfile.TemporaryDirectory() as folder:
        instance = f"bench-{uuid.uuid4().hex[:8]}"
        store = await Store.open(url, project=Path(folder), clock=clock, instance=instance)
        measured = Measured(store, server)
        arrivals = [arrival(number, clock.now()) for number in range(chosen.events)]
        ids = await timed("accept", measured, len(arrivals), lambda: accept_all(store, arrivals, chosen.in_flight))
        await timed("claim + finish", measured, len(ids), lambda: work_all(store, ids, clock, chosen.batch))
        await store.close()


def run(chosen: argparse.Namespace) -> None:
    if chosen.postgresql:
        from tests.postgres import running

        with running(durable=True) as server:
            pid = int((server.data / "postmaster.pid").read_text().split()[0])
            asyncio.run(main(chosen, server.url, pid))
        return
    asyncio.run(main(chosen, chosen.url or ("sqlite://" if chosen.memory else "sqlite:///bench.db")))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--in-flight", type=int, default=32)
    parser.add_argument("--batch", type=int, default=30)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--postgresql", action="store_true")
    parser.add_argument("--url")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    if options.profile:
        cProfile.run("run(options)", sort="tottime")
    else:
        run(options)
