"""The system that is measured: its processes and what each has used, its store, and the systems it calls.

`embedded` is `nsps run` on SQLite. `split` is `nsps serve` and `nsps worker --processes N` on PostgreSQL and Valkey.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from benchmarks.answers import Answers, FileAnswers, ServerAnswers
from benchmarks.chaos.process import children
from benchmarks.load import flood
from benchmarks.process import Child, rss_mib_of, tree_cpu_s_of, wait_ready
from benchmarks.project import write_project
from benchmarks.servers import Servers
from tests.ports import free_port

NSPS = str(Path(sys.executable).parent / "nsps")
WARM = 500


@dataclass
class System:
    """What is running. `used` and `kept`: by part of it, CPU seconds so far and the process ids whose memory counts."""

    port: int
    mock_port: int
    answers: Answers
    used: dict[str, Callable[[], float]] = field(default_factory=dict)
    kept: dict[str, Callable[[], int]] = field(default_factory=dict)
    start_workers: Callable[[int], None] = lambda processes: None

    def cpu_s(self) -> dict[str, float]:
        """By part, since it was started."""
        return {part: used() for part, used in self.used.items()}

    def rss_mib(self) -> dict[str, float]:
        """By part, now."""
        return {part: rss_mib_of(pid()) for part, pid in self.kept.items()}

    def warm_up(self) -> None:
        """A first burst, of ids that no measurement uses: connections are open and code has run."""
        self.post(1, WARM)
        self.wait_drained(WARM)

    def post(self, first: int, count: int) -> None:
        """Posts a burst. Raises SystemExit unless all of it was taken."""
        posted = uvloop.run(flood(self.port, b"/espf", count, first))
        if set(posted.statuses) != {200}:
            raise SystemExit(f"the receiver answered {posted.statuses}")

    def wait_drained(self, count: int) -> None:
        """Returns when all that was taken has ended. Raises TimeoutError."""
        until = time.perf_counter() + 120 + count / 20
        while self.answers.unfinished():
            if time.perf_counter() > until:
                raise TimeoutError(f"deliveries still wait: {self.answers.ended():,} have ended")
            time.sleep(0.02)


class Place:
    """A folder with the project, the mock of the systems it calls, and our processes over them."""

    def __init__(self, folder: Path, in_flight: int, delay_s: float, environ: dict[str, str]) -> None:
        self.folder = folder
        self.port, self.mock_port = free_port(), free_port()
        self.children: list[Child] = []
        self._environ = {
            "MOCK_URL": f"http://127.0.0.1:{self.mock_port}",
            "ESPF_PASSWORD": "bench",
            "NSPS_LOG": "warning",
        }
        self._environ |= environ
        write_project(folder, in_flight)
        mock = (sys.executable, "-m", "benchmarks.mock", str(self.mock_port), str(delay_s))
        self.mock = Child(*mock, cwd=Path.cwd(), log=folder / "mock.log")
        self.children.append(self.mock)

    def start(self, *words: str) -> Child:
        """`nsps WORDS`."""
        child = Child(NSPS, *words, cwd=self.folder, log=self.folder / f"{words[0]}.log", env=self._environ)
        self.children.insert(0, child)
        return child

    def stop(self) -> None:
        for child in self.children:
            child.stop()


@contextmanager
def _place(in_flight: int, delay_s: float, environ: dict[str, str]) -> Iterator[Place]:
    with tempfile.TemporaryDirectory() as name:
        place = Place(Path(name), in_flight, delay_s, environ)
        try:
            yield place
        finally:
            place.stop()


@contextmanager
def embedded(in_flight: int = 64, delay_s: float = 0.0) -> Iterator[System]:
    """`nsps run`."""
    with _place(in_flight, delay_s, {}) as place:
        nsps = place.start("run", "--port", str(place.port))
        wait_ready(place.port)
        system = System(place.port, place.mock_port, FileAnswers(place.folder / "var" / "nsps.db"))
        system.used = {"nsps run": lambda: nsps.cpu_s, "mock": lambda: place.mock.cpu_s}
        system.kept = {"nsps run": lambda: nsps.process.pid}
        yield system


@contextmanager
def split(servers: Servers, workers: int, in_flight: int = 64, delay_s: float = 0.0) -> Iterator[System]:
    """A receiver and so many worker processes; none: until `start_workers`. The servers are as new before and after."""
    servers.clear()
    with _place(in_flight, delay_s, servers.environ()) as place, ExitStack() as opened:
        receiver = place.start("serve", "--port", str(place.port))
        wait_ready(place.port)
        answers = opened.enter_context(ServerAnswers(servers.postgres.url))
        system = System(place.port, place.mock_port, answers)
        system.used = {
            "receiver": lambda: receiver.cpu_s,
            "PostgreSQL": lambda: servers.postgres_cpu_s() - answers.cpu_s,
            "Valkey": servers.valkey_cpu_s,
            "mock": lambda: place.mock.cpu_s,
        }
        system.kept = {"receiver": lambda: receiver.process.pid}
        system.start_workers = lambda processes: _start_workers(place, system, processes)
        if workers:
            system.start_workers(workers)
        yield system
    servers.clear()


def _start_workers(place: Place, system: System, processes: int) -> None:
    supervisor = place.start("worker", "--processes", str(processes))
    pid = supervisor.process.pid
    until = time.perf_counter() + 60
    while len(system.answers.pids().intersection(children(pid))) < processes:
        if time.perf_counter() > until or supervisor.process.poll() is not None:
            raise SystemExit(f"the workers did not start: {(place.folder / 'worker.log').read_text()[-800:]}")
        time.sleep(0.05)
    system.used["worker"] = lambda: tree_cpu_s_of(pid)
    system.kept["worker"] = lambda: children(pid)[0]
