"""What people look at, over a history of many rows: the queries of each screen, through the store.

python -m benchmarks.store_history [--rows N] [--days N] [--sqlite | --postgresql]

Fills 90 days with N events (1,000,000 unless told), each with one finished delivery and three search keys, then asks for each
screen 30 times. `p50` and `max` are what a caller waits, `server` what PostgreSQL itself says of its planning and execution.

While it fills, the server keeps a long log and vacuums nothing; then it vacuums and analyzes all of it, as autovacuum would have
by the time a history is that long. Its tables and indexes are those of the product.
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

from sqlalchemy import Connection, Engine, event

from benchmarks.store_filling import Filling, fill
from engine.clock import VirtualClock
from engine.storage.protocol import EventFilter
from engine.storage.store import Store
from tests.postgres import running

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
TIMES = 30
LIMIT_MS = 5.0
FILLING = ("shared_buffers = '1GB'", "max_wal_size = '4GB'", "checkpoint_timeout = '1h'", "autovacuum = off")
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
    print(f"{'':26} {'p50':>9} {'max':>9} {'server':>9}   rows   (asked: at most {LIMIT_MS:g} ms)")
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
        print(f"{name:26} {median:7.2f}ms {max(waits):7.2f}ms {shown} {rows:6}{over}")


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


async def run(url: str, chosen: argparse.Namespace, project: Path, settle: Callable[[], None]) -> None:
    """Fills, lets the server settle, and asks."""
    store = await Store.open(url, project=project, clock=VirtualClock(NOW), instance="history")
    first = date(NOW.year, NOW.month, NOW.day) - timedelta(days=chosen.days - 1)
    began = time.perf_counter()
    filled = await fill(store, first, chosen.days, chosen.rows)
    filled_s = time.perf_counter() - began
    await asyncio.to_thread(settle)
    settled_s = time.perf_counter() - began - filled_s
    kind = url.partition(":")[0]
    print(
        f"{kind}: {chosen.rows:,} events of {chosen.days} days filled in {filled_s:.0f} s, settled in {settled_s:.0f} s"
    )
    await measure(store, filled, kind == "postgresql")
    await store.close()


def on_postgresql(chosen: argparse.Namespace, project: Path) -> None:
    """A server of its own, with the memory that a history of this size is given."""
    with running() as server:
        for setting in FILLING:
            server.execute(f"ALTER SYSTEM SET {setting}")
        server.stop()
        server.start()

        def settle() -> None:
            server.execute("ALTER SYSTEM RESET autovacuum")
            server.execute("SELECT pg_reload_conf()")
            server.execute("VACUUM (ANALYZE)")

        print(f"PostgreSQL with {', '.join(FILLING)} (autovacuum again after the filling)")
        asyncio.run(run(server.url, chosen, project, settle))


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
            on_postgresql(chosen, Path(folder))
        if both or chosen.sqlite:
            asyncio.run(run("sqlite:///history.db", chosen, Path(folder), lambda: None))


if __name__ == "__main__":
    main()
