"""What people look at, over a history of many rows: medians of each screen's queries, through the store.

python -m benchmarks.store_history [--rows N] [--days N] [--sqlite | --postgresql]

Fills 90 days with N events (1,000,000 unless told), each with one finished delivery and three search keys, then asks for each
screen 30 times. `all` is what a caller waits, `server` what PostgreSQL itself says of its planning and execution.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event, text

from benchmarks.store_filling import Filling, fill
from engine.clock import VirtualClock
from engine.storage.protocol import EventFilter
from engine.storage.store import Store

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
TIMES = 30
LIMIT_MS = 5.0
Screen = Callable[[], Awaitable[Any]]


@dataclass
class Statements:
    """What SQLAlchemy executes, to be explained afterwards."""

    told: list[tuple[str, Any]]

    def listen(self) -> None:
        def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_more: Any) -> None:
            if statement.lstrip().upper().startswith(("SELECT", "WITH", "(SELECT")):
                self.told.append((statement, values))

        event.listen(Engine, "before_cursor_execute", note)


def screens(store: Store, filled: Filling) -> Iterator[tuple[str, Screen]]:
    """Each screen people have, by name."""

    def page(**wanted: Any) -> Screen:
        return lambda: store.events(EventFilter(**wanted))

    midnight = NOW.replace(hour=0)
    yield "newest page", page()
    yield "a page in the middle", page(before=filled.middle_id)
    yield "the last page", page(before=filled.early_id)
    yield "by account", page(find=filled.account)
    yield "by account, failed", page(find=filled.account, state="failed")
    yield "by i_event", page(find=filled.i_event)
    yield "nothing found", page(find="no such thing")
    yield "failed today", page(state="failed", since=midnight)
    yield "failed, any day", page(state="failed")
    yield "failed, a middle page", page(state="failed", before=filled.middle_id)
    yield "skipped of a pipeline", page(state="skipped", pipeline="p3")
    yield "a pipeline", page(pipeline="p3")
    yield "a pipeline long gone", page(pipeline="old")
    yield "delivered, a middle page", page(state="delivered", before=filled.middle_id)
    yield "a type", page(event_type="Type/7")
    yield "a type long gone", page(event_type="Type/old")
    yield "unrouted", page(state="unrouted")
    yield "the last hour", page(since=NOW - timedelta(hours=1))
    yield "one event", lambda: store.event(filled.middle_id)
    yield "one delivery by number", lambda: store.event(f"#{filled.delivery}")
    yield "its attempts", lambda: store.attempts(filled.delivery)
    yield "counts", store.counts


async def measure(store: Store, filled: Filling, server: bool) -> None:
    statements = Statements([])
    statements.listen()
    print(f"{'':26} {'all':>9} {'worst':>9} {'server':>9}   rows")
    for name, ask in screens(store, filled):
        waits, found = [], None
        for _ in range(TIMES):
            statements.told.clear()
            began = time.perf_counter()
            found = await ask()
            waits.append((time.perf_counter() - began) * 1000)
        told = await explained(store, list(statements.told)) if server else None
        median = statistics.median(waits)
        shown = "        -" if told is None else f"{told:7.2f}ms"
        rows = len(found) if isinstance(found, list) else int(found is not None)
        over = "" if (told if told is not None else median) <= LIMIT_MS else f"   more than {LIMIT_MS:g} ms"
        print(f"{name:26} {median:7.2f}ms {sorted(waits)[-2]:7.2f}ms {shown} {rows:6}{over}")


async def explained(store: Store, asked: list[tuple[str, Any]]) -> float:
    """Milliseconds that PostgreSQL spends on these statements: median of five."""

    def job(connection: Connection) -> float:
        total = 0.0
        for statement, values in asked:
            plan = f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement}"
            found = [connection.exec_driver_sql(plan, values).scalar_one()[0] for _ in range(5)]
            total += statistics.median(one["Planning Time"] + one["Execution Time"] for one in found)
        return total

    return await store._read(job)


async def run(url: str, chosen: argparse.Namespace, project: Path) -> None:
    clock = VirtualClock(NOW)
    store = await Store.open(url, project=project, clock=clock, instance="history")
    first = date(NOW.year, NOW.month, NOW.day) - timedelta(days=chosen.days - 1)
    began = time.perf_counter()
    filled = await fill(store, first, chosen.days, chosen.rows)
    print(
        f"{url.partition(':')[0]}: {chosen.rows:,} events of {chosen.days} days in {time.perf_counter() - began:.0f} s"
    )
    server = url.startswith("postgres")
    if server:
        await store._read(lambda one: one.execute(text("SELECT pg_stat_force_next_flush()")))
    await measure(store, filled, server)
    await store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--sqlite", action="store_true", help="this one only")
    parser.add_argument("--postgresql", action="store_true", help="this one only")
    chosen = parser.parse_args()
    both = chosen.sqlite == chosen.postgresql
    with tempfile.TemporaryDirectory() as folder:
        if both or chosen.postgresql:
            from tests.postgres import running

            with running() as server:
                asyncio.run(run(server.url, chosen, Path(folder)))
        if both or chosen.sqlite:
            asyncio.run(run("sqlite:///history.db", chosen, Path(folder)))


if __name__ == "__main__":
    main()
