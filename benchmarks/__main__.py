"""`make bench`: every measurement of docs/performance.md but the history of 10 million rows, in one run.

python -m benchmarks [--quick] [--only NAME[,NAME]] [--memory EVENTS]

A part is named SYSTEM.WHAT, such as `postgresql.whole`; NAME is that, or either half of it. What is known so far goes to standard
error, the tables to standard output.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial

from benchmarks import receiver, validate, whole_path
from benchmarks.servers import Servers, servers_running
from benchmarks.system import embedded, split
from benchmarks.table import Table, machine

# 1,000 events/s that take 0.1 s each are 100 at once; three times that leaves room for what waits for its turn.
SLOW_IN_FLIGHT = 300  # as docs/scaling.md tells operators to choose it
HISTORY = "python -m benchmarks.store_history --postgresql --rows 10000000"
PARTS = {
    "sqlite": ("receiver", "whole", "latency", "memory"),
    "postgresql": ("receiver", "whole", "drained", "latency", "slow", "memory"),
    "files": ("validate",),
}
TITLES = {"sqlite": "SQLite, embedded queue", "postgresql": "PostgreSQL, Valkey", "files": "200 files"}


@dataclass(frozen=True)
class Sizes:
    """How much of each."""

    rounds: int
    posts: int
    events: int
    seconds: int
    memory: int


FULL = Sizes(rounds=3, posts=4_000, events=10_000, seconds=60, memory=100_000)
QUICK = Sizes(rounds=1, posts=1_000, events=2_000, seconds=5, memory=5_000)


Measurement = Callable[[], None]


def of_sqlite(sizes: Sizes, table: Table) -> dict[str, Measurement]:
    """`nsps run`: one process, and a file. Its worker's part is what it uses beyond the receiver alone."""
    post_us: list[float] = []

    def accepted() -> None:
        post_us.append(receiver.compare(table, receiver.SQLITE, sizes.rounds, sizes.posts, ("", "at least 0.40")))

    def whole() -> None:
        for bursts in whole_path.in_turns([embedded], sizes.rounds, sizes.events):
            whole_path.told(table, "nsps run", bursts, ("", ""))
            for us in post_us:
                whole_path.beyond(table, bursts, us, "at most 700 us")

    def latency() -> None:
        with embedded() as system:
            whole_path.latency(table, system, sizes.seconds * 10, ("", ""))

    def memory() -> None:
        with embedded() as system:
            whole_path.memory(table, system, sizes.memory, "")

    return dict(zip(PARTS["sqlite"], (accepted, whole, latency, memory), strict=True))


def of_postgresql(sizes: Sizes, table: Table, servers: Servers) -> dict[str, Measurement]:
    """`nsps serve` and `nsps worker`."""

    def accepted() -> None:
        servers.clear()
        receiver.compare(table, servers.postgres.url, sizes.rounds, sizes.posts, ("at least 5,000", ""))
        servers.clear()

    def whole() -> None:
        variants = [partial(split, servers, workers) for workers in (1, 2)]
        one, two = whole_path.in_turns(variants, sizes.rounds, sizes.events)
        whole_path.told(table, "1 worker", one, ("", "at most 750 us"))
        whole_path.told(table, "2 workers", two, ("at least 2,000", "at most 750 us"))

    def drained() -> None:
        for workers in (1, 2):
            with split(servers, workers=0) as system:
                whole_path.drained(table, system, workers, sizes.events)

    def latency() -> None:
        with split(servers, 1) as system:
            whole_path.latency(table, system, sizes.seconds * 10, ("- / 10 ms", "15 / 40 ms"))

    def slow() -> None:
        with split(servers, 1, SLOW_IN_FLIGHT, delay_s=0.05) as system:
            whole_path.slow_target(table, system, SLOW_IN_FLIGHT, sizes.events)

    def memory() -> None:
        with split(servers, 1) as system:
            whole_path.memory(table, system, sizes.memory, "at most 150 MiB, flat")

    parts = (accepted, whole, drained, latency, slow, memory)
    return dict(zip(PARTS["postgresql"], parts, strict=True))


def main() -> None:
    chosen = _chosen()
    sizes = QUICK if chosen.quick else FULL
    sizes = replace(sizes, memory=chosen.memory or sizes.memory)
    print(f"{machine()}\n{told(sizes)}", flush=True)
    for system, parts in PARTS.items():
        wanted = [part for part in parts if _wanted(f"{system}.{part}", chosen.only)]
        if wanted:
            table = Table(TITLES[system])
            _run(system, wanted, sizes, table)
            print(f"\n{table.text()}", flush=True)
    print(f"\nA history of 10 million rows is filled and asked by: {HISTORY}")


def told(sizes: Sizes) -> str:
    """What the figures are made of."""
    return (
        f"{sizes.events:,} events a burst, 32 posts in flight, medians of {sizes.rounds} rounds in turns; "
        f"PostgreSQL with fsync and its default memory, Valkey without persistence, all on this machine"
    )


def _run(system: str, wanted: Sequence[str], sizes: Sizes, table: Table) -> None:
    with ExitStack() as opened:
        if system == "sqlite":
            measurements = of_sqlite(sizes, table)
        elif system == "postgresql":
            measurements = of_postgresql(sizes, table, opened.enter_context(servers_running()))
        else:
            measurements = {"validate": lambda: validate.measure(table)}
        for part in wanted:
            measurements[part]()


def _wanted(name: str, only: str) -> bool:
    return not only or any(one in (name, *name.split(".")) for one in only.split(","))


def _chosen() -> argparse.Namespace:
    names = [f"{system}.{part}" for system, parts in PARTS.items() for part in parts]
    known = {*names, *(half for name in names for half in name.split("."))}
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Parts: " + ", ".join(names))
    parser.add_argument("--quick", action="store_true", help="small counts, two minutes")
    parser.add_argument(
        "--only", default="", metavar="NAME[,NAME]", help="these parts; a name is SYSTEM.WHAT or half of it"
    )
    parser.add_argument("--memory", type=int, default=0, metavar="EVENTS", help="over which memory is watched; 100000")
    chosen = parser.parse_args()
    if unknown := [one for one in chosen.only.split(",") if one and one not in known]:
        parser.error(f"no part is named {', '.join(unknown)}; there are {', '.join(names)}")
    return chosen


if __name__ == "__main__":
    main()
