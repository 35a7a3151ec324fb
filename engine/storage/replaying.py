"""Replays: a new delivery for one that ended, or for an event that no pipeline took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, insert, literal, select, update

from engine.delivery import Routed
from engine.errors import WrongUse
from engine.storage.area import Area
from engine.storage.counting import Counts, count, hour_of
from engine.storage.encoding import names
from engine.storage.finding import seq_of_id
from engine.storage.instants import micros
from engine.storage.intake import fail_unroutable, new_seed
from engine.storage.numbers import day_of_number, new_numbers, same_day
from engine.storage.rows import delivery_row
from engine.storage.tables import deliveries, events, history


class ReplayArea(Area):
    async def replay(
        self,
        delivery_id: int,
        routed: Routed,
        now: datetime,
        resend: Sequence[str],
        assume_done: Sequence[str],
        once_only: bool = False,
    ) -> int:
        """A new delivery for a finished one; returns its id. Raises WrongUse when that is not finished, or unknown.

        `once_only`: also when it was sent again already, as by somebody else at the same time."""
        choices = {"resend": names(resend), "assume_done": names(assume_done)}

        def job(connection: Connection) -> int:
            ended = _hold_event(connection, delivery_id)
            if once_only and ended is not None:
                _refuse_sent_again(connection, delivery_id, ended)
            return _replay(connection, delivery_id, routed, now, choices)

        return await self._write(job)

    async def route_again(self, event_id: str, routed: Sequence[Routed], now: datetime) -> tuple[int, ...]:
        """Deliveries for an event no pipeline took; returns their ids. Raises WrongUse for one that is unknown, or routed."""
        return await self._write(lambda connection: _route_again(connection, event_id, routed, now))


def _replay(connection: Connection, delivery_id: int, routed: Routed, now: datetime, choices: dict[str, Any]) -> int:
    old = connection.execute(
        select(history.c.event_seq, history.c.source).where(history.c.id == delivery_id)
    ).one_or_none()
    if old is None:
        state = connection.execute(
            select(deliveries.c.state).where(deliveries.c.id == delivery_id)
        ).scalar_one_or_none()
        raise WrongUse(_why_not(delivery_id, state))
    # It reads what is true from now on: a person who mended the data must not be served a reply cached before.
    extra = {"replay_of": delivery_id, "previous_ended_at": micros(now), **choices}
    count(connection, Counter({(hour_of(micros(now)), routed.pipeline, "replayed"): 1}))
    return _insert(connection, old.event_seq, old.source, [(routed, extra)], now)[0]


def _hold_event(connection: Connection, delivery_id: int) -> Any:
    """To the end of the transaction, so that of two who look at once one sends; a sender's repeat, which opens a failed one
    again, holds it too. Returns event_seq and pipeline of a finished delivery, None for another."""
    of = select(history.c.event_seq, history.c.pipeline).where(history.c.id == delivery_id)
    ended = connection.execute(of).one_or_none()
    if ended is not None:
        connection.execute(select(events.c.seq).where(events.c.seq == ended.event_seq).with_for_update())
    return ended


def _refuse_sent_again(connection: Connection, delivery_id: int, found: Any) -> None:
    for columns in (deliveries.c, history.c):
        later = select(columns.id).where(
            same_day(columns.id, literal(found.event_seq, BigInteger())),
            columns.event_seq == found.event_seq,
            columns.pipeline == found.pipeline,
            columns.id > delivery_id,
        )
        if (number := connection.execute(later.limit(1)).scalar()) is not None:
            raise WrongUse(f"delivery {delivery_id} was sent again already, as {number}")


def _why_not(delivery_id: int, state: str | None) -> str:
    if state is None:
        return f"there is no delivery {delivery_id}: `nsps events` lists what there is"
    return (
        f"delivery {delivery_id} is {state}: only a finished one can be replayed; `nsps show {delivery_id}` says more"
    )


_ROUTED = select(events.c.seq, events.c.source, events.c.routed, events.c.received_at)


def _route_again(connection: Connection, event_id: str, routed: Sequence[Routed], now: datetime) -> tuple[int, ...]:
    event = connection.execute(
        _ROUTED.where(events.c.seq == seq_of_id(connection, event_id)).with_for_update()
    ).one_or_none()
    if event is None:
        raise WrongUse(f"there is no event {event_id}: `nsps events` lists what there is")
    if event.routed:
        raise WrongUse(f"event {event_id} has been routed already; nsps show {event_id} tells where to")
    if routed:
        connection.execute(update(events).where(events.c.seq == event.seq).values(routed=True))
        came = hour_of(event.received_at)
        count(connection, Counter({(came, "", "unrouted"): -1, (came, "", "routed"): 1}))
    counts: Counts = Counter((hour_of(micros(now)), one.pipeline, "routed") for one in routed)
    count(connection, counts)
    return _insert(connection, event.seq, event.source, [(one, {}) for one in routed], now)


def _insert(
    connection: Connection, seq: int, source: str, wanted: Sequence[tuple[Routed, dict[str, Any]]], now: datetime
) -> tuple[int, ...]:
    # The event's day, not today's: all of an event lies together.
    (ids,) = new_numbers(connection, [(deliveries, len(wanted))], day_of_number(seq))
    rows = [
        delivery_row(seq, source, routed, new_seed(), now, {"id": number, **extra})
        for number, (routed, extra) in zip(ids, wanted, strict=True)
    ]
    if rows:
        connection.execute(insert(deliveries), rows)
    fail_unroutable(connection, [row for row in rows if row["reason"]], micros(now))
    return tuple(ids)
