"""The receiver's route with a store against the same route without it: side by side, in turns, 32 in flight.

python -m benchmarks.receiver [--postgresql]
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from benchmarks.load import flood
from benchmarks.process import Child, wait_ready
from benchmarks.project import write_project
from benchmarks.servers import servers_running
from benchmarks.table import Table, median
from tests.ports import free_port

SQLITE = "sqlite:///store.db"
NOTHING = "nothing"


@dataclass
class Side:
    """One of the two, and what was seen of it: posts a second, and CPU per post."""

    child: Child
    port: int
    rates: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)

    def post(self, first: int, count: int) -> None:
        """One turn."""
        before_s = self.child.cpu_s
        posted = uvloop.run(flood(self.port, b"/espf", count, first))
        if set(posted.statuses) != {200}:
            raise SystemExit(f"the receiver answered {posted.statuses}")
        self.rates.append(posted.per_s)
        self.cpu_us.append((self.child.cpu_s - before_s) / count * 1e6)


@contextmanager
def side(store: str) -> Iterator[Side]:
    """The receiver over this store, or over `nothing`; warm."""
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        write_project(folder)
        command = (sys.executable, "-m", "benchmarks.receiving", str(port), name, store)
        child = Child(*command, cwd=Path.cwd(), log=folder / "receiver.log")
        try:
            wait_ready(port)
            started = Side(child, port)
            uvloop.run(flood(port, b"/espf", 1_000, 1))
            yield started
        finally:
            child.stop()


def compare(table: Table, store: str, rounds: int, posts: int, asked: tuple[str, str]) -> float:
    """Both, and their ratio; returns the CPU of one post with the store, in us. `asked`: of its posts/s, and of the ratio."""
    with ExitStack() as both:
        stored, bare = (both.enter_context(side(kind)) for kind in (store, NOTHING))
        for turn in range(rounds):
            for one in (stored, bare):
                one.post(10_000 + turn * posts, posts)
    for what, one in (("with its store", stored), ("without", bare)):
        limit = asked[0] if one is stored else ""
        table.add(f"receiver alone, {what}: posts/s", f"{median(one.rates):,.0f}", limit)
        table.add("  CPU a post", f"{median(one.cpu_us):,.0f} us")
    ratios = [with_it / without for with_it, without in zip(stored.rates, bare.rates, strict=True)]
    table.add("  with / without, posts/s", f"{median(ratios):.2f}", asked[1])
    return median(stored.cpu_us)


def main() -> None:
    """On one of the two stores."""
    if "--postgresql" not in sys.argv:
        table = Table("SQLite")
        compare(table, SQLITE, 4, 4_000, ("", "at least 0.40"))
    else:
        table = Table("PostgreSQL")
        with servers_running() as servers:
            compare(table, servers.postgres.url, 4, 4_000, ("at least 5,000", ""))
    print(table.text())


if __name__ == "__main__":
    main()
