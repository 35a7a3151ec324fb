"""A history of many days, written by the database itself: as the store would have, but in minutes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial

from sqlalchemy import Connection, text

from engine.storage.counting import fold
from engine.storage.instants import micros
from engine.storage.numbers import first_of
from engine.storage.partitions import make
from engine.storage.store import Store

ACCOUNTS = 50_000
AT_ONCE = 2  # days; SQLite has one writer


@dataclass(frozen=True)
class Filling:
    """What is known of it, to ask for."""

    middle_id: str
    early_id: str
    account: str
    i_event: str
    delivery: int


async def fill(store: Store, first: date, days: int, rows: int) -> Filling:
    """Writes `rows` events, evenly over the days, each with a delivery that ended and three search keys."""
    for index in range(days):
        await store._write(partial(_make, day=first + timedelta(days=index)))
    places = asyncio.Semaphore(AT_ONCE)

    async def one(index: int) -> None:
        low, high = rows * index // days, rows * (index + 1) // days
        async with places:
            day = first + timedelta(days=index)
            await store._write(partial(_day, day=day, low=low, high=high, oldest=index == 0))

    await asyncio.gather(*(one(index) for index in range(days)))
    last = first + timedelta(days=days - 1)
    await store._write(partial(fold, now_us=micros(datetime(last.year, last.month, last.day, tzinfo=UTC))))
    return await store._read(lambda connection: _known(connection, rows))


def _make(connection: Connection, day: date) -> None:
    """The day's partitions, before any day is filled: a transaction that makes some holds up all others that do."""
    if connection.dialect.name == "postgresql":
        make(connection, day)


def _day(connection: Connection, day: date, low: int, high: int, oldest: bool) -> None:
    server = connection.dialect.name == "postgresql"
    if server:
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    begins = micros(datetime(day.year, day.month, day.day, tzinfo=UTC))
    values = {
        "low": low,
        "high": high - 1,
        "base": first_of(day) if server else 1,
        "begins": begins,
        "step": 15 * 3_600 * 1_000_000 // (high - low),
        "pipeline": "old" if oldest else "p",
        "body": b'{"event_type":"SIM/Updated","variables":{"i_event":1,"i_account":1}}',
        "kind": "Type/old" if oldest else "Type/",
    }
    for statement in _statements(server):
        connection.execute(text(statement), values)


def _statements(server: bool) -> list[str]:
    numbers = (
        "(SELECT g AS n, :begins + (g - :low) * :step AS at FROM generate_series(CAST(:low AS BIGINT), :high) g) AS s"
        if server
        else "(WITH RECURSIVE g(n) AS (SELECT :low UNION ALL SELECT n + 1 FROM g WHERE n < :high)"
        " SELECT n, :begins + (n - :low) * :step AS at FROM g) AS s"
    )
    milliseconds = "lpad(to_hex(at / 1000), 12, '0')" if server else "printf('%012x', at / 1000)"
    tail = "lpad(to_hex(n), 12, '0')" if server else "printf('%012x', n)"
    uuid = f"substr({milliseconds}, 1, 8) || '-' || substr({milliseconds}, 9, 4) || '-7000-8000-' || {tail}"
    rare = "CASE WHEN :{0} LIKE '%old' THEN :{0} ELSE :{0} || CAST(n % {1} AS TEXT) END"
    state = (
        "CASE WHEN n % 200 = 7 THEN 'failed' WHEN n % 50 = 3 THEN 'skipped' WHEN n % 50 = 4 THEN 'superseded'"
        " ELSE 'delivered' END"
    )
    no = "false" if server else "0"
    yes = "n % 1000 <> 1" if server else "(n % 1000 <> 1)"
    keys = [("i_event", "n"), ("i_account", f"n % {ACCOUNTS}"), ("number", f"79000000000 + n % {ACCOUNTS}")]
    return [
        "INSERT INTO events (seq, id, source, received_at, event_type, i_env, i_event, trace_id, body, routed, repeats)"
        f" SELECT :base + n, {uuid}, 'espf', at, {rare.format('kind', 20)}, '3', CAST(n AS TEXT), 't', :body, {yes}, 0"
        f" FROM {numbers}",
        "INSERT INTO history (id, event_seq, source, pipeline, lane, mode, pos_time, pos_event, state, reason, created_at,"
        " attempts, fence, seed, policy_off, previous_ended_at, finished_at)"
        f" SELECT :base + n, :base + n, 'espf', {rare.format('pipeline', 5)}, 'wtl/3/' || CAST(n % {ACCOUNTS} AS TEXT),"
        f" 'latest', at, n, {state}, '', at, 1, 1, 'seed', {no}, at, at + 20000 FROM {numbers}",
        *(
            f"INSERT INTO search_keys (value, event_seq, name) SELECT CAST({value} AS TEXT), :base + n, '{name}'"
            f" FROM {numbers}"
            for name, value in keys
        ),
        "INSERT INTO counters (hour, pipeline, outcome, shard, count) SELECT :begins / 3600000000 + h.n, p.n, o.n, 0, 100"
        f" FROM {_listed('n', [str(hour) for hour in range(24)])} AS h,"
        f" {_listed('n', [repr(f'p{number}') for number in range(5)])} AS p,"
        f" {_listed('n', [repr(one) for one in ('routed', 'delivered', 'failed', 'skipped')])} AS o",
    ]


def _listed(name: str, values: list[str]) -> str:
    return "(" + " UNION ALL ".join(f"SELECT {value} AS {name}" for value in values) + ")"


def _known(connection: Connection, rows: int) -> Filling:
    def one(number: int) -> tuple[str, str]:
        named = "SELECT event_seq FROM search_keys WHERE value = :value AND name = 'i_event'"
        found = connection.execute(
            text(f"SELECT id, i_event FROM events WHERE seq IN ({named})"), {"value": str(number)}
        )
        row = found.one()
        return row.id, row.i_event

    middle, i_event = one(rows // 2)
    early, _ = one(rows // 1000)
    of_event = "SELECT event_seq FROM search_keys WHERE value = :value AND name = 'i_event'"
    seq = text(f"SELECT id FROM history WHERE event_seq IN ({of_event})")
    delivery = connection.execute(seq, {"value": str(rows // 2)}).scalar_one()
    return Filling(middle_id=middle, early_id=early, account="4711", i_event=i_event, delivery=int(delivery))
