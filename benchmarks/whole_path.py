"""Webhook to recorded outcome, through `nsps run` on SQLite: CPU per event, events/s, latency, memory."""

from __future__ import annotations

import asyncio
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop

from benchmarks.floor import floor
from benchmarks.load import flood, trickle
from benchmarks.process import Child, free_port, wait_ready
from benchmarks.project import write_project

NSPS = str(Path(sys.executable).parent / "nsps")


@dataclass
class Running:
    """The system under measurement."""

    nsps: Child
    mock: Child
    port: int
    mock_port: int
    store: Path

    def finished(self) -> int:
        """How many deliveries have ended, read from the store beside the running process."""
        with sqlite3.connect(f"file:{self.store}?mode=ro", uri=True) as db:
            return int(db.execute("SELECT count(*) FROM history").fetchone()[0])

    def wait_finished(self, count: int, within_s: float = 300) -> float:
        """Seconds until `count` deliveries had ended."""
        started = time.perf_counter()
        while (done := self.finished()) < count:
            if time.perf_counter() - started > within_s:
                raise TimeoutError(f"{done} of {count} ended in {within_s} s")
            time.sleep(0.05)
        return time.perf_counter() - started


@contextmanager
def running(delay_s: float = 0.0) -> Iterator[Running]:
    """`nsps run` and a mock of its systems, in a folder of their own."""
    with tempfile.TemporaryDirectory() as name:
        folder, port, mock_port = Path(name), free_port(), free_port()
        write_project(folder)
        mock = Child(
            sys.executable,
            "-m",
            "benchmarks.mock",
            str(mock_port),
            str(delay_s),
            cwd=Path.cwd(),
            log=folder / "mock.log",
        )
        env = {"MOCK_URL": f"http://127.0.0.1:{mock_port}", "ESPF_PASSWORD": "bench", "NSPS_LOG": "warning"}
        nsps = Child(NSPS, "run", "--port", str(port), cwd=folder, log=folder / "nsps.log", env=env)
        try:
            wait_ready(port)
            yield Running(nsps=nsps, mock=mock, port=port, mock_port=mock_port, store=folder / "var" / "nsps.db")
        finally:
            nsps.stop()
            mock.stop()


def cpu_per_event(count: int, receiver_us: float) -> None:
    """Posts a burst and waits for the last outcome; `receiver_us` is what benchmarks.receiver measured of a post.

    The worker's part is what `nsps run` used beyond that. The floor, a bare loop that makes the same three calls, is
    measured in the same run: on a busy machine both grow, and their ratio says more than either.
    """
    with running() as system:
        asyncio.run(flood(system.port, b"/espf", 500, 1))
        system.wait_finished(500)
        floor_us = uvloop.run(floor(system.mock_port, count // 2))
        nsps_s, mock_s, started = system.nsps.cpu_s, system.mock.cpu_s, time.perf_counter()
        posted = asyncio.run(flood(system.port, b"/espf", count, 1001))
        system.wait_finished(500 + count)
        took_s = time.perf_counter() - started
        ours_us = (system.nsps.cpu_s - nsps_s) / count * 1e6
        mock_us = (system.mock.cpu_s - mock_s) / count * 1e6
        floor_us = statistics.mean([floor_us, uvloop.run(floor(system.mock_port, count // 2))])
    worker_us = ours_us - receiver_us
    print(f"whole path, {count:,} events: {count / took_s:,.0f} events/s, answers {posted.statuses}")
    print(f"  worker / floor {worker_us / floor_us:.1f}, whole path / floor {ours_us / floor_us:.1f}")
    print(
        f"  CPU an event: nsps run {ours_us:,.0f} us = receiver {receiver_us:,.0f} + worker {worker_us:,.0f} (at most 700);",
        end=" ",
    )
    print(f"floor {floor_us:,.0f}, mock {mock_us:,.0f}")


def latency(count: int = 200) -> None:
    """10 events/s: how long the answer takes, and webhook to recorded outcome."""
    with running() as system:
        asyncio.run(flood(system.port, b"/espf", 100, 1))
        system.wait_finished(100)
        posted = asyncio.run(trickle(system.port, b"/espf", count, 1001, 10.0))
        system.wait_finished(100 + count)
        with sqlite3.connect(f"file:{system.store}?mode=ro", uri=True) as db:
            rows = db.execute(
                "SELECT h.finished_at - e.received_at FROM history h JOIN events e ON e.seq = h.event_seq"
                " ORDER BY h.finished_at DESC LIMIT ?",
                (count,),
            ).fetchall()
        ends_ms = sorted(int(row[0]) / 1000 for row in rows)
        acks_ms = sorted(wait * 1000 for wait in posted.waits_s)
        print(f"10 events/s: answer p50 {_at(acks_ms, 50):.1f} ms, p99 {_at(acks_ms, 99):.1f} ms;", end=" ")
        print(f"received to recorded p50 {_at(ends_ms, 50):.1f} ms, p99 {_at(ends_ms, 99):.1f} ms")


def memory(count: int) -> None:
    """RSS of `nsps run` after `count` events."""
    with running() as system:
        seen = []
        for part in range(5):
            asyncio.run(flood(system.port, b"/espf", count // 5, 1 + part * count))
            system.wait_finished((part + 1) * (count // 5))
            seen.append(system.nsps.rss_mib)
        print(f"RSS of nsps run after each fifth of {count:,} events: {', '.join(f'{mib:.0f}' for mib in seen)} MiB")


def _at(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1]
