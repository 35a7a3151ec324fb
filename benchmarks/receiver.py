"""The receiver's route with the store against the same route without it: side by side, in turns, 32 in flight."""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.load import flood
from benchmarks.process import Child, free_port, wait_ready
from benchmarks.project import write_project

POSTS = 4_000


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
        posted = asyncio.run(flood(self.port, b"/espf", count, first))
        if set(posted.statuses) != {200}:
            raise SystemExit(f"the receiver answered {posted.statuses}")
        self.rates.append(posted.per_s)
        self.cpu_us.append((self.child.cpu_s - before_s) / count * 1e6)


@contextmanager
def side(kind: str) -> Iterator[Side]:
    """The receiver over `store` or `nothing`, warm."""
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        write_project(folder)
        command = (sys.executable, "-m", "benchmarks.receiving", str(port), name, kind)
        child = Child(*command, cwd=Path.cwd(), log=folder / "receiver.log")
        try:
            wait_ready(port)
            started = Side(child, port)
            asyncio.run(flood(port, b"/espf", 1_000, 1))
            yield started
        finally:
            child.stop()


def main(rounds: int = 4) -> float:
    """Prints both and their ratio; returns the CPU of one post with the store, in us."""
    with ExitStack() as both:
        stored, bare = (both.enter_context(side(kind)) for kind in ("store", "nothing"))
        for turn in range(rounds):
            for one in (stored, bare):
                one.post(10_000 + turn * POSTS, POSTS)
    rates = [statistics.median(one.rates) for one in (stored, bare)]
    cpu_us = [statistics.median(one.cpu_us) for one in (stored, bare)]
    print(f"receiver, 32 in flight: with store / without {rates[0] / rates[1]:.2f} (at least 0.40)")
    print(
        f"  with store {rates[0]:,.0f} posts/s, {cpu_us[0]:,.0f} us CPU a post; without {rates[1]:,.0f}, {cpu_us[1]:,.0f} us"
    )
    return cpu_us[0]


if __name__ == "__main__":
    main()
