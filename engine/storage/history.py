"""What happened: events and their deliveries as people look at them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from engine.delivery import State
from engine.event import Event
from engine.storage.area import Area
from engine.storage.counting import totals
from engine.storage.delivery_rows import delivery_rows
from engine.storage.finding import page, seq_of
from engine.storage.instants import instant, instant_or_none
from engine.storage.protocol import AttemptRow, DeliveryRow, EventFilter, EventRow
from engine.storage.rows import events_by_seq
from engine.storage.tables import FAILED, attempts, deliveries, events, history, refusals, replies

FINISHED: tuple[State, ...] = ("delivered", "skipped", "superseded", "failed")


class HistoryArea(Area):
    async def events(self, wanted: EventFilter) -> list[EventRow]:
        """A page of events, newest first. Raises WrongUse when `before` names no event."""
        return await self._read(lambda connection: _rows(connection, page(connection, wanted)))

    async def event(self, event_id: str) -> EventRow | None:
        """By its id, a unique beginning of it, an i_event, or the number of one of its deliveries."""
        return await self._read(lambda connection: _event(connection, event_id))

    async def stored_event(self, event_id: str) -> Event | None:
        """The event itself, as it was accepted."""
        return await self._read(lambda connection: _stored(connection, event_id))

    async def attempts(self, delivery_id: int) -> list[AttemptRow]:
        """All attempts of a delivery, in order."""
        return await self._read(lambda connection: _attempts(connection, delivery_id))

    async def replies(self, delivery_id: int) -> list[bytes]:
        """The recorded replies of its reads, as its attempts stored them, oldest first."""
        chosen = select(replies.c.body).where(replies.c.delivery_id == delivery_id).order_by(replies.c.id)
        return await self._read(lambda connection: list(connection.execute(chosen).scalars()))

    async def counts(self) -> Mapping[str, Any]:
        """{events, unrouted, repeats, refused, refused_kept, deliveries: {pipeline: {state: n}}, oldest_due_at}."""
        return await self._read(_counts)


def _event(connection: Connection, wanted: str) -> EventRow | None:
    seq = seq_of(connection, wanted)
    return None if seq is None else _rows(connection, [seq])[0]


def _stored(connection: Connection, event_id: str) -> Event | None:
    seq = connection.execute(select(events.c.seq).where(events.c.id == event_id)).scalar_one_or_none()
    return None if seq is None else events_by_seq(connection, [seq])[seq]


def _rows(connection: Connection, seqs: Sequence[int]) -> list[EventRow]:
    """The events of these numbers, in this order."""
    found = {row.seq: row for row in connection.execute(select(events).where(events.c.seq.in_(seqs)))}
    ids = {seq: row.id for seq, row in found.items()}
    routed = delivery_rows(connection, ids)
    return [_row(found[seq], tuple(routed[seq])) for seq in seqs if seq in found]


def _row(row: Any, routed: tuple[DeliveryRow, ...]) -> EventRow:
    return EventRow(
        id=row.id,
        source=row.source,
        received_at=instant(row.received_at),
        event_type=row.event_type,
        i_env=row.i_env,
        i_event=row.i_event,
        body=row.body,
        trace_id=row.trace_id,
        repeats=row.repeats,
        same_id_as=row.same_id_as,
        deliveries=routed,
    )


def _attempts(connection: Connection, delivery_id: int) -> list[AttemptRow]:
    rows = connection.execute(select(attempts).where(attempts.c.delivery_id == delivery_id).order_by(attempts.c.id))
    return [
        AttemptRow(
            delivery_id=row.delivery_id,
            number=row.number,
            started_at=instant(row.started_at),
            ended_at=instant(row.ended_at),
            ending=row.ending,
            reason=row.reason,
            config_hash=row.config_hash,
            trace=row.trace,
        )
        for row in rows
    ]


def _counts(connection: Connection) -> Mapping[str, Any]:
    counted = totals(connection)
    told: dict[str, dict[str, int]] = {}
    for (pipeline, outcome), number in sorted(counted.items()):
        if outcome in FINISHED and number:
            told.setdefault(pipeline, {})[outcome] = number
    unfinished = select(deliveries.c.pipeline, deliveries.c.state, func.count()).group_by(
        deliveries.c.pipeline, deliveries.c.state
    )
    for pipeline, state, number in connection.execute(unfinished):
        told.setdefault(pipeline, {})[state] = number
    oldest = connection.execute(select(func.min(deliveries.c.due_at))).scalar_one()
    return {
        **{name: counted.get(("", name), 0) for name in ("events", "repeats", "refused")},
        "unrouted": _number(connection, select(func.count()).select_from(events).where(~events.c.routed)),
        "refused_kept": _number(connection, select(func.count()).select_from(refusals)),
        "failed": _number(connection, select(func.count()).select_from(history).where(history.c.state == FAILED)),
        "deliveries": told,
        "oldest_due_at": instant_or_none(oldest),
    }


def _number(connection: Connection, query: Any) -> int:
    return int(connection.execute(query).scalar_one())
