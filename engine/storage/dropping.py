# ruff: noqa: S608 - names of our own tables, no values
"""Days that are dropped as a whole, on PostgreSQL. What of them is still needed is copied to `_rest` first.

Needed are events with a delivery that has not ended, or that ended within the time to keep: both go with `_rest`'s batches
later. Locks are taken for moments: whoever waits for one longer gives up and tries again at the next housekeeping.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, text

from engine.storage.counting import HOUR_US, Counts, count
from engine.storage.dialect import hold_others_off
from engine.storage.numbers import day_of
from engine.storage.partitions import ATTEMPTS, EVENTS, HISTORY, REPLIES, SEARCH_KEYS, Partitioned, existing

KEYS_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Dropping:
    """What may go now: the oldest day of events that ended so long ago, and partitions that hold nothing needed."""

    finished_us: int
    day: date | None
    replies: tuple[str, ...]
    search_keys: tuple[str, ...]

    def drop(self, connection: Connection) -> int:
        """Drops it; returns how many events went."""
        if self.day is None and not self.replies and not self.search_keys:
            return 0
        hold_others_off(connection, "partitions")
        connection.execute(text("SET LOCAL statement_timeout = '10min'"))
        for name in self.replies:
            connection.exec_driver_sql(f"DROP TABLE IF EXISTS {name}")
        for name in self.search_keys:
            _drop_search_keys(connection, name)
        if self.day is None or self.day not in set(existing(connection, EVENTS)):
            return 0
        return _drop_day(connection, self.day, self.finished_us)


def expired(connection: Connection, finished_us: int, replies_us: int) -> Dropping:
    """The oldest day whose events ended long enough ago, and other partitions that may go."""
    if connection.dialect.name != "postgresql":
        return Dropping(finished_us, None, (), ())
    kept_from = day_of(finished_us)
    days = [day for day in existing(connection, EVENTS) if day < kept_from]
    first_kept = next((day for day in existing(connection, EVENTS) if day >= kept_from), kept_from)
    oldest = days[0] if days else first_kept
    return Dropping(
        finished_us,
        days[0] if days else None,
        tuple(REPLIES.name(day) for day in existing(connection, REPLIES) if day < day_of(replies_us)),
        tuple(
            SEARCH_KEYS.name(day)
            for day in existing(connection, SEARCH_KEYS)
            if day + timedelta(days=SEARCH_KEYS.days) <= oldest
        ),
    )


def trim_keys(connection: Connection, dropping: Dropping, after: int) -> int | None:
    """Removes keys of a day that will go, from the number `after` on; the number to go on after, None at its end.

    A repeat of an event whose delivery has not ended must still be known, so its keys stay.
    """
    if dropping.day is None:
        return None
    name = EVENTS.name(dropping.day)
    batch = f"""
        SELECT e.seq, e.key, e.id_key FROM {name} e WHERE e.seq > :after AND NOT {_needed(dropping.day)}
        ORDER BY e.seq LIMIT {KEYS_AT_ONCE}"""
    trim = f"""
        WITH batch AS MATERIALIZED ({batch}), gone AS (
            DELETE FROM event_keys k USING (SELECT key, seq FROM batch UNION ALL SELECT id_key, seq FROM batch) b
            WHERE k.key = b.key AND k.event_seq = b.seq)
        SELECT max(seq) FROM batch"""
    last = connection.execute(text(trim), {"after": after, "finished": dropping.finished_us}).scalar()
    return None if last is None else int(last)


def _needed(day: date) -> str:
    return (
        "(EXISTS (SELECT 1 FROM deliveries d WHERE d.event_seq = e.seq) OR EXISTS"
        f" (SELECT 1 FROM {HISTORY.name(day)} h WHERE h.event_seq = e.seq AND h.finished_at >= :finished))"
    )


def _drop_day(connection: Connection, day: date, finished_us: int) -> int:
    of: dict[Partitioned, str] = {kind: kind.name(day) for kind in (EVENTS, HISTORY, ATTEMPTS)}
    connection.exec_driver_sql(f"LOCK TABLE {', '.join(of.values())} IN ACCESS EXCLUSIVE MODE")
    _run(
        connection,
        f"CREATE TEMP TABLE kept_events ON COMMIT DROP AS SELECT * FROM {of[EVENTS]} e WHERE {_needed(day)}",
        finished_us,
    )
    _run(
        connection,
        "CREATE TEMP TABLE kept_history ON COMMIT DROP AS"
        f" SELECT * FROM {of[HISTORY]} WHERE event_seq IN (SELECT seq FROM kept_events)",
    )
    _run(
        connection,
        f"CREATE TEMP TABLE kept_attempts ON COMMIT DROP AS SELECT * FROM {of[ATTEMPTS]} WHERE delivery_id IN (SELECT id FROM"
        " kept_history UNION ALL SELECT id FROM deliveries WHERE event_seq IN (SELECT seq FROM kept_events))",
    )
    gone = _count_gone(connection, of)
    for kind, name in of.items():
        connection.exec_driver_sql(f"DROP TABLE {name}")
        connection.exec_driver_sql(f"INSERT INTO {kind.table} SELECT * FROM kept_{kind.table}")
    return gone


def _run(connection: Connection, statement: str, finished_us: int | None = None) -> None:
    values: dict[str, Any] = {} if finished_us is None else {"finished": finished_us}
    connection.execute(text(statement), values)


def _count_gone(connection: Connection, of: dict[Partitioned, str]) -> int:
    """Counts what will not come back; returns how many events that is."""
    counts = _counted(connection, of[EVENTS], of[HISTORY])
    # Not by asking of each row whether it is among the kept ones: beyond what fits into work_mem that is quadratic.
    counts.subtract(_counted(connection, "kept_events", "kept_history"))
    count(connection, counts)
    return sum(number for (_, pipeline, what), number in counts.items() if (pipeline, what) == ("", "forgotten events"))


def _counted(connection: Connection, events: str, history: str) -> Counts:
    came = f"""
        SELECT received_at / {HOUR_US} AS hour, '' AS pipeline, unnest(ARRAY['events', CASE WHEN routed THEN 'routed' ELSE
            'unrouted' END]) AS what, count(*) AS number FROM {events} GROUP BY 1, 2, 3"""
    ended = f"SELECT finished_at / {HOUR_US}, pipeline, state, count(*) FROM {history} GROUP BY 1, 2, 3"
    begun = (
        f"SELECT created_at / {HOUR_US}, pipeline, CASE WHEN replay_of IS NULL THEN 'routed' ELSE 'replayed' END,"
        f" count(*) FROM {history} GROUP BY 1, 2, 3"
    )
    counts: Counts = Counter()
    for hour, pipeline, what, number in connection.execute(text(f"{came} UNION ALL {ended} UNION ALL {begun}")):
        counts[hour, pipeline, f"forgotten {what}"] += number
    return counts


def _drop_search_keys(connection: Connection, name: str) -> None:
    """All days of it went; what is kept of them is named in `events_rest`."""
    if name not in {SEARCH_KEYS.name(day) for day in existing(connection, SEARCH_KEYS)}:
        return
    _run(
        connection,
        "CREATE TEMP TABLE kept_search_keys ON COMMIT DROP AS"
        f" SELECT * FROM {name} WHERE event_seq IN (SELECT seq FROM events_rest)",
    )
    connection.exec_driver_sql(f"DROP TABLE {name}")
    connection.exec_driver_sql("INSERT INTO search_keys SELECT * FROM kept_search_keys")
    connection.exec_driver_sql("DROP TABLE kept_search_keys")
