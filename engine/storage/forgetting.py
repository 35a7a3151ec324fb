"""Retention: what `keep:` no longer keeps goes, a bounded amount at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, exists, select

from engine.storage.area import Area
from engine.storage.instants import micros
from engine.storage.tables import attempts, deliveries, event_keys, events, history, replies, search_keys

BATCH = 500


class RetentionArea(Area):
    async def forget(self, now: datetime, finished_s: float, replies_s: float) -> int:
        """Drops what `keep:` no longer keeps, a bounded amount at a time. Returns how many events went.

        An event goes with all that belongs to it once its last delivery ended so long ago. Notes of `once` calls stay.
        """
        finished = micros(now - timedelta(seconds=finished_s))
        answered = micros(now - timedelta(seconds=replies_s))
        return await self._write(lambda connection: forget(connection, finished, answered))


def forget(connection: Connection, finished_us: int, replies_us: int) -> int:
    """See `RetentionArea.forget`."""
    answered = select(replies.c.id).where(replies.c.at < replies_us).limit(BATCH)
    connection.execute(delete(replies).where(replies.c.id.in_(answered)))
    unfinished = exists(select(deliveries.c.id).where(deliveries.c.event_seq == events.c.seq))
    young = exists(
        select(history.c.id).where(history.c.event_seq == events.c.seq, history.c.finished_at >= finished_us)
    )
    old = (
        select(events.c.seq, events.c.key)
        .where(events.c.received_at < finished_us, ~unfinished, ~young)
        .order_by(events.c.received_at)
        .limit(BATCH)
    )
    rows = connection.execute(old).all()
    if rows:
        _drop(connection, [row.seq for row in rows], [row.key for row in rows if row.key is not None])
    return len(rows)


def _drop(connection: Connection, seqs: Sequence[int], keys: Sequence[str]) -> None:
    ended = list(connection.execute(select(history.c.id).where(history.c.event_seq.in_(seqs))).scalars())
    connection.execute(delete(attempts).where(attempts.c.delivery_id.in_(ended)))
    connection.execute(delete(replies).where(replies.c.delivery_id.in_(ended)))
    connection.execute(delete(history).where(history.c.event_seq.in_(seqs)))
    connection.execute(delete(search_keys).where(search_keys.c.event_seq.in_(seqs)))
    connection.execute(delete(event_keys).where(event_keys.c.key.in_(keys)))
    connection.execute(delete(events).where(events.c.seq.in_(seqs)))
