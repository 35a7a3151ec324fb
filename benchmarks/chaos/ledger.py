"""What the two books say: the target's log of effects, and the rows of the store."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import orjson
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

MICROS = 1e6
OWNER = re.compile(r"process \w+-(\d+)-")
UNFINISHED = ("waiting", "running")


@dataclass(slots=True)
class Effects:
    """Requests the target answered 200, by the id of their event. `lanes`: the ids each lane saw, in order."""

    first_at: dict[str, float] = field(default_factory=dict)
    at: list[float] = field(default_factory=list)
    times: Counter[str] = field(default_factory=Counter)
    keys: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    lanes: dict[tuple[str, str], list[int]] = field(default_factory=lambda: defaultdict(list))
    versions: list[str | None] = field(default_factory=list)  # of the configuration, where requests tell it
    version_of: dict[str, str | None] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)  # all requests, refused ones too
    asked_at: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    @property
    def duplicates(self) -> int:
        return sum(self.times.values()) - len(self.times)


def effects(log: Path) -> Effects:
    """Reads the target's log."""
    found = Effects()
    for raw in log.read_bytes().splitlines():
        line = orjson.loads(raw)
        name = line["id"]
        found.asked[name] += 1
        found.asked_at[name].append(line["t"])
        found.keys[name].add(line["key"])
        if line["status"] != 200:
            continue
        found.first_at.setdefault(name, line["t"])
        found.at.append(line["t"])
        found.times[name] += 1
        found.versions.append(line["version"])
        found.version_of[name] = line["version"]
        found.lanes[(line["path"], line["lane"])].append(int(name))
    return found


class BegunAgain(NamedTuple):
    """An attempt of unknown outcome: the process that was at it, when it began, and when the next one did."""

    pid: int
    began: float
    again: float


@dataclass(slots=True)
class Rows:
    """The store: each delivery's state, by pipeline and by event, and how attempts ended."""

    stored: Counter[str] = field(default_factory=Counter)  # rows of events, by i_event
    repeats: int = 0
    states: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    reasons: dict[str, str] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)
    endings: Counter[str] = field(default_factory=Counter)
    configurations: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # of the attempts, by i_event
    begun_again: list[BegunAgain] = field(default_factory=list)
    counted: dict[tuple[str, str], int] = field(default_factory=dict)
    by_pipeline: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def unfinished(self) -> int:
        return sum(state in UNFINISHED for states in self.states.values() for state in states)


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """A transaction of our own; on PostgreSQL in the instance's schema."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET search_path = nsps_chaos")
        yield connection
    engine.dispose()


_DELIVERIES = """
SELECT e.i_event, d.pipeline, d.state, d.reason, d.attempts FROM {table} d JOIN events e ON e.seq = d.event_seq
"""


def rows(url: str) -> Rows:
    """Reads all rows, in one transaction."""
    found = Rows()
    with connected(url) as connection:
        for i_event, repeats in connection.execute(text("SELECT i_event, repeats FROM events")):
            found.stored[i_event] += 1
            found.repeats += repeats
        for table in ("deliveries", "history"):
            for i_event, pipeline, state, reason, attempts in connection.execute(text(_DELIVERIES.format(table=table))):
                found.states[i_event].append(state)
                found.reasons[i_event] = reason
                found.attempts[i_event] = attempts
                found.by_pipeline[pipeline, state] += 1
        for ending, number in connection.execute(text("SELECT ending, count(*) FROM attempts GROUP BY ending")):
            found.endings[ending] = number
        _read_attempts(found, connection)
        counted = text("SELECT pipeline, outcome, sum(count) FROM counters GROUP BY pipeline, outcome")
        found.counted = {(name, outcome): int(number) for name, outcome, number in connection.execute(counted)}
    return found


_ATTEMPTS = """
SELECT a.delivery_id, a.ending, a.reason, a.started_at, a.config_hash, e.i_event FROM attempts a
JOIN (SELECT id, event_seq FROM deliveries UNION ALL SELECT id, event_seq FROM history) d ON d.id = a.delivery_id
JOIN events e ON e.seq = d.event_seq ORDER BY a.delivery_id, a.fence
"""


def _read_attempts(found: Rows, connection: Connection) -> None:
    before: tuple[int, int, float] | None = None
    for delivery_id, ending, reason, started_at, config_hash, i_event in connection.execute(text(_ATTEMPTS)):
        if config_hash:
            found.configurations[i_event].add(config_hash)
        if before is not None and before[0] == delivery_id:
            found.begun_again.append(BegunAgain(before[1], before[2], started_at / MICROS))
        owner = OWNER.search(reason)
        before = (delivery_id, int(owner[1]), started_at / MICROS) if ending == "unknown" and owner else None


def unfinished(url: str) -> int:
    """How many deliveries have not ended."""
    with connected(url) as connection:
        number = int(connection.execute(text("SELECT count(*) FROM deliveries")).scalar_one())
    return number
