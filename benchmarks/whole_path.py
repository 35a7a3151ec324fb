"""Webhook to recorded outcome, through a running system: events/s, CPU of an event by part, latency, memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import uvloop

from benchmarks.floor import floor
from benchmarks.load import trickle
from benchmarks.system import System
from benchmarks.table import Table, median, p50_p99

FIRST = 1_001
BESIDES = ("mock", "load")
Opening = Callable[[], AbstractContextManager[System]]


@dataclass
class Burst:
    """What one burst showed: CPU of an event by part, in us, and the floor around it."""

    posted_per_s: float
    ended_per_s: float
    used_us: dict[str, float]
    floor_us: float

    @property
    def own_us(self) -> float:
        return sum(us for part, us in self.used_us.items() if part not in BESIDES)


def burst(system: System, count: int) -> Burst:
    """Posts and works at once: from the first post to the last outcome. The floor is taken before and after.

    On a busy machine floor and system both grow, and their ratio says more than either.
    """
    system.warm_up()
    floors = [uvloop.run(floor(system.mock_port, count // 2))]
    before, load_s, began = system.cpu_s(), time.process_time(), time.perf_counter()
    system.post(FIRST, count)
    posted_s, load_s = time.perf_counter() - began, time.process_time() - load_s
    system.wait_drained(count)
    took_s, after = time.perf_counter() - began, system.cpu_s()
    if (ended := system.answers.ended()) < count:
        raise SystemExit(f"only {ended:,} of {count:,} have ended")
    floors.append(uvloop.run(floor(system.mock_port, count // 2)))
    used_us = {part: (after[part] - before[part]) / count * 1e6 for part in before}
    used_us["load"] = load_s / count * 1e6
    return Burst(count / posted_s, count / took_s, used_us, median(floors))


def in_turns(variants: Sequence[Opening], rounds: int, count: int) -> list[list[Burst]]:
    """Bursts of each variant, one round after the other, every time with processes of its own."""
    found: list[list[Burst]] = [[] for _ in variants]
    for _ in range(rounds):
        for number, opening in enumerate(variants):
            with opening() as system:
                found[number].append(burst(system, count))
    return found


def told(table: Table, name: str, bursts: Sequence[Burst], asked: tuple[str, str]) -> None:
    """Medians of a variant's bursts. `asked`: of its events/s, and of the sum of its CPU."""
    table.add(
        f"{name}: events/s, posted and worked on at once",
        f"{median([one.ended_per_s for one in bursts]):,.0f}",
        asked[0],
    )
    table.add("  posts/s meanwhile", f"{median([one.posted_per_s for one in bursts]):,.0f}")
    for part in bursts[0].used_us:
        if part not in BESIDES:
            table.add(f"  CPU an event: {part}", _us(median([one.used_us[part] for one in bursts])))
    table.add("  CPU an event: all of these", _us(median([one.own_us for one in bursts])), asked[1])
    table.add("  floor", _us(median([one.floor_us for one in bursts])))
    table.add("  all / floor", f"{median([one.own_us / one.floor_us for one in bursts]):.1f}")
    besides = " + ".join(f"{median([one.used_us[part] for one in bursts]):,.0f}" for part in BESIDES)
    table.add("  beside it: mock + load", f"{besides} us")


def beyond(table: Table, bursts: Sequence[Burst], receiver_us: float, asked: str) -> None:
    """What the worker in one process with its receiver used."""
    table.add("  CPU an event: beyond the receiver's", _us(median([one.own_us for one in bursts]) - receiver_us), asked)


def drained(table: Table, system: System, workers: int, count: int) -> None:
    """Posts all, then starts the workers: nothing but they has work."""
    began = time.perf_counter()
    system.post(FIRST, count)
    posted_s = time.perf_counter() - began
    system.start_workers(workers)
    system.wait_drained(count)
    name = f"{workers} worker{'s' if workers > 1 else ''}: posted first, then worked on: "
    table.add(f"{name}posts/s", f"{count / posted_s:,.0f}")
    table.add(f"{name}events/s, first to last outcome", f"{count / system.answers.span_s():,.0f}")


def latency(table: Table, system: System, count: int, asked: tuple[str, str]) -> None:
    """10 events/s: how long the answer takes, and receipt to recorded outcome."""
    system.warm_up()
    posted = uvloop.run(trickle(system.port, b"/espf", count, FIRST, 10.0))
    system.wait_drained(count)
    answers_ms = [wait * 1000 for wait in posted.waits_s]
    table.add("10 events/s: post to answer, p50 / p99", p50_p99(answers_ms), asked[0])
    table.add("10 events/s: received to recorded, p50 / p99", p50_p99(system.answers.waits_ms(count)), asked[1])


def slow_target(table: Table, system: System, in_flight: int, count: int) -> None:
    """Behind systems that take 50 ms for each call; the two questions of an event are asked at once, so 100 ms an event."""
    system.warm_up()
    began = time.perf_counter()
    system.post(FIRST, count)
    system.wait_drained(count)
    took_s = time.perf_counter() - began
    table.add(
        f"every call takes 50 ms, 1 worker, in_flight {in_flight}: events/s", f"{count / took_s:,.0f}", "at least 1,000"
    )


def memory(table: Table, system: System, count: int, asked: str) -> None:
    """RSS after each fifth of `count` events."""
    seen: dict[str, list[float]] = {part: [] for part in system.rss_mib()}
    for part in range(5):
        system.post(1 + part * (count // 5), count // 5)
        system.wait_drained(count // 5)
        for name, mib in system.rss_mib().items():
            seen[name].append(mib)
    for name, values in seen.items():
        told_mib = ", ".join(f"{mib:.0f}" for mib in values)
        table.add(f"RSS of {name} after each fifth of {count:,} events", f"{told_mib} MiB", asked)


def _us(value: float) -> str:
    return f"{value:,.0f} us"
