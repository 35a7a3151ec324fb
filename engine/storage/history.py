"""What happened: events and their deliveries as people look at them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from engine.delivery import State
from engine.event import Event
from engine.storage.area import Area
from engine.storage.claiming import MAY_START
from engine.storage.counting import totals
from engine.storage.delivery_rows import delivery_rows
from engine.storage.dialect import among, listed
from engine.storage.finding import page, seq_of, seq_of_id
from engine.storage.instants import instant, instant_or_none, micros
from engine.storage.protocol import AttemptRow, DeliveryRow, EventFilter, EventRow
from engine.storage.rows import events_asked
from engine.storage.shown import latest
from engine.storage.tables import RUNNING, WAITING, ZERO, attempts, deliveries, events, refusals, replies

LOOKED_AT = 200  # at once, where the first page did not hold enough
FINISHED: tuple[State, ...] = ("delivered", "skipped", "superseded", "failed")


class HistoryArea(Area):
    async def events(self, wanted: EventFilter) -> list[EventRow]:
        """A page of events, newest first. Raises WrongUse when `before` names no event."""
        now_us = micros(self._clock.now())
        return await self._read(lambda connection: _page(connection, wanted, now_us))

    async def event(self, event_id: str) -> EventRow | None:
        """By its id, a unique beginning of it, an i_event, or the number of one of its deliveries."""
        return await self._read(lambda connection: _event(connection, event_id))

    async def stored_event(self, event_id: str) -> Event | None:
        """The event itself, as it was accepted."""
        return (await self.stored_events([event_id])).get(event_id)

    async def stored_events(self, event_ids: Sequence[str]) -> dict[str, Event]:
        """The events themselves, by id, as they were accepted; those that are not there are left out."""
        return await self._read(lambda connection: _stored(connection, event_ids))

    async def attempts(self, delivery_id: int) -> list[AttemptRow]:
        """All attempts of a delivery, in order."""
        return await self._read(lambda connection: _attempts(connection, delivery_id))

    async def configurations_of(self, delivery_ids: Sequence[int]) -> set[str]:
        """The hashes of the configurations that attempts of these deliveries ran with."""
        if not delivery_ids:
            return set()
        chosen = select(attempts.c.config_hash).where(attempts.c.delivery_id.in_(delivery_ids)).distinct()
        return await self._read(lambda connection: set(connection.execute(chosen).scalars()))

    async def replies(self, delivery_id: int) -> list[bytes]:
        """The recorded replies of its reads, as its attempts stored them, oldest first."""
        chosen = (
            select(replies.c.body).where(replies.c.delivery_id == delivery_id).order_by(replies.c.at, replies.c.fence)
        )
        return await self._read(lambda connection: list(connection.execute(chosen).scalars()))

    async def counts(self) -> Mapping[str, Any]:
        """{events, unrouted, repeats, refused, refused_kept, failed, deliveries: {pipeline: {state: n}}}."""
        return await self._read(_counts)

    async def due_longest(self, pipelines: Sequence[str]) -> datetime | None:
        """When the first of these pipelines' deliveries is due, or was, of those that nothing of their lane holds back."""
        asked = {"pipelines": listed(pipelines)}
        return instant_or_none(await self._read(lambda connection: connection.execute(_DUE, asked).scalar()))


def _page(connection: Connection, wanted: EventFilter, now_us: int) -> list[EventRow]:
    if wanted.state != "failed":
        return _rows(connection, page(connection, wanted, now_us))
    return _rows(connection, _failed_page(connection, wanted, now_us))


def _failed_page(connection: Connection, wanted: EventFilter, now_us: int) -> list[int]:
    """Without those that were sent again since: looked at here, since that costs PostgreSQL more to plan. Bodies are not read."""
    found: list[int] = []
    asked, below = wanted, None
    while True:
        seqs = page(connection, asked, now_us, below)
        of = delivery_rows(connection, dict.fromkeys(seqs, ""))
        found += [seq for seq in seqs if any(row.state == "failed" for row in latest(of[seq], wanted.pipeline))]
        if len(seqs) < asked.limit or len(found) >= wanted.limit:
            return found[: wanted.limit]
        asked, below = replace(wanted, limit=max(wanted.limit, LOOKED_AT)), seqs[-1]


def _event(connection: Connection, wanted: str) -> EventRow | None:
    seq = seq_of(connection, wanted)
    return None if seq is None else _rows(connection, [seq])[0]


def _stored(connection: Connection, event_ids: Sequence[str]) -> dict[str, Event]:
    seqs = [seq for one in event_ids if (seq := seq_of_id(connection, one)) is not None]
    return {event.id: event for event in events_asked(connection, seqs)().values()}


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
    rows = connection.execute(select(attempts).where(attempts.c.delivery_id == delivery_id).order_by(attempts.c.fence))
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
    running: dict[str, int] = dict(connection.execute(_RUNNING).all())
    told: dict[str, dict[str, int]] = {}
    for pipeline in sorted({name for name, _ in counted if name}):
        of = {outcome: number for (name, outcome), number in counted.items() if name == pipeline}
        unfinished = of.get("routed", 0) + of.get("replayed", 0) - sum(of.get(state, 0) for state in FINISHED)
        states = {state: of.get(state, 0) for state in FINISHED}
        states |= {"running": running.get(pipeline, 0), "waiting": unfinished - running.get(pipeline, 0)}
        told[pipeline] = {state: number for state, number in states.items() if number}
    forgotten = Counter({outcome: 0 for _, outcome in counted})
    for (_, outcome), number in counted.items():
        forgotten[outcome] += number if outcome.startswith("forgotten ") else 0
    return {
        **{name: counted.get(("", name), 0) for name in ("events", "repeats", "refused")},
        "unrouted": counted.get(("", "unrouted"), 0) - forgotten["forgotten unrouted"],
        "refused_kept": int(connection.execute(select(func.count()).select_from(refusals)).scalar_one()),
        "failed": sum(one.get("failed", 0) for one in told.values()) - forgotten["forgotten failed"],
        "deliveries": told,
    }


_DUE = (
    select(deliveries.c.due_at)
    .where(
        deliveries.c.state == WAITING, deliveries.c.due_at > ZERO, among(deliveries.c.pipeline, "pipelines"), MAY_START
    )
    .order_by(deliveries.c.due_at)
    .limit(1)
)
_RUNNING = (
    select(deliveries.c.pipeline, func.count()).where(deliveries.c.state == RUNNING).group_by(deliveries.c.pipeline)
)
