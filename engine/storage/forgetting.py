"""Retention: what `keep:` no longer keeps goes, a bounded amount at a time; on PostgreSQL whole days at once.

The ledger counts what went, so that rows and counters can be compared for ever.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection, delete, exists, select, tuple_

from engine.storage.area import Area
from engine.storage.counting import Counts, count, fold, hour_of
from engine.storage.dropping import expired, trim_keys
from engine.storage.encoding import LARGEST
from engine.storage.instants import micros
from engine.storage.numbers import first_of
from engine.storage.partitions import EVENTS, existing, make_ahead
from engine.storage.tables import attempts, deliveries, event_keys, events, history, replies, search_keys

BATCH = 500


class RetentionArea(Area):
    async def forget(self, now: datetime, finished_s: float, replies_s: float) -> int:
        """Drops what `keep:` no longer keeps, a bounded amount at a time. Returns how many events went.

        An event goes with all that belongs to it once its last delivery ended so long ago. Notes of `once` calls stay.
        On PostgreSQL the next days' partitions are made, and of the days that ended so long ago the oldest is dropped.
        """
        finished = micros(now - timedelta(seconds=finished_s))
        answered = micros(now - timedelta(seconds=replies_s))
        await self._write(lambda connection: fold(connection, micros(now)))
        gone = 0
        if self._connections.dialect == "postgresql":
            gone = await self._drop_days(micros(now), finished, answered)
        return gone + await self._write(lambda connection: forget(connection, finished, answered))

    async def _drop_days(self, now_us: int, finished_us: int, replies_us: int) -> int:
        await self._write(lambda connection: make_ahead(connection, now_us))
        while True:  # a day on which nothing came is no reason to stop
            dropping = await self._read(lambda connection: expired(connection, finished_us, replies_us))
            after: int | None = 0 if dropping.day is not None else None
            while after is not None:
                after = await self._write(partial(trim_keys, dropping=dropping, after=after))
            gone = await self._write(dropping.drop)
            if gone or dropping.day is None:
                return gone


def forget(connection: Connection, finished_us: int, replies_us: int) -> int:
    """One batch of what lies in no partition of its own day."""
    _forget_replies(connection, replies_us)
    unfinished = exists(select(deliveries.c.id).where(deliveries.c.event_seq == events.c.seq))
    young = exists(
        select(history.c.id).where(history.c.event_seq == events.c.seq, history.c.finished_at >= finished_us)
    )
    old = (
        select(events.c.seq, events.c.key, events.c.id_key, events.c.received_at, events.c.routed)
        .where(events.c.received_at < finished_us, events.c.seq < _first_day(connection), ~unfinished, ~young)
        .order_by(events.c.received_at)
        .limit(BATCH)
    )
    rows = connection.execute(old).all()
    if rows:
        _drop(connection, rows)
    return len(rows)


def _first_day(connection: Connection) -> int:
    """Numbers below it are in no partition; all of a file's are."""
    if connection.dialect.name != "postgresql":
        return LARGEST
    return next((first_of(day) for day in existing(connection, EVENTS)), LARGEST)


def _forget_replies(connection: Connection, replies_us: int) -> None:
    mine = tuple_(replies.c.delivery_id, replies.c.fence, replies.c.at)
    old = select(replies.c.delivery_id, replies.c.fence, replies.c.at).where(replies.c.at < replies_us)
    rows = connection.execute(old.order_by(replies.c.at).limit(BATCH)).all()
    if rows:
        connection.execute(delete(replies).where(mine.in_([tuple(row) for row in rows])))


def _drop(connection: Connection, rows: Sequence[Any]) -> None:
    seqs = [row.seq for row in rows]
    keys = [key for row in rows for key in (row.key, row.id_key) if key is not None]
    of_event = history.c.event_seq.in_(seqs)
    gone = (history.c.id, history.c.pipeline, history.c.state, history.c.created_at, history.c.finished_at)
    ended = connection.execute(select(*gone, history.c.replay_of).where(of_event)).all()
    ids = [row.id for row in ended]
    connection.execute(delete(attempts).where(attempts.c.delivery_id.in_(ids)))
    connection.execute(delete(replies).where(replies.c.delivery_id.in_(ids)))
    connection.execute(delete(history).where(of_event))
    connection.execute(delete(search_keys).where(search_keys.c.event_seq.in_(seqs)))
    connection.execute(delete(event_keys).where(event_keys.c.key.in_(keys), event_keys.c.event_seq.in_(seqs)))
    connection.execute(delete(events).where(events.c.seq.in_(seqs)))
    count(connection, _forgotten(rows, ended))


def _forgotten(rows: Sequence[Any], ended: Sequence[Any]) -> Counts:
    counts: Counts = Counter()
    for row in rows:
        counts[hour_of(row.received_at), "", "forgotten events"] += 1
        counts[hour_of(row.received_at), "", "forgotten routed" if row.routed else "forgotten unrouted"] += 1
    for row in ended:
        way = "forgotten routed" if row.replay_of is None else "forgotten replayed"
        counts[hour_of(row.created_at), row.pipeline, way] += 1
        counts[hour_of(row.finished_at), row.pipeline, f"forgotten {row.state}"] += 1
    return counts
