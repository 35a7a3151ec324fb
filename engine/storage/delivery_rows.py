# ruff: noqa: S608 - numbers and names of ours
"""Deliveries as the history shows them, finished or not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import BigInteger, Connection, bindparam, case, or_, select, text

from engine.storage.claiming import position
from engine.storage.instants import instant_or_none
from engine.storage.numbers import A_DAY, by_day
from engine.storage.protocol import DeliveryRow
from engine.storage.tables import LATEST, RUNNING, STRICT, WAITING, deliveries, history

_SEQS = bindparam("seqs", expanding=True, type_=BigInteger())
UNFINISHED = select(deliveries).where(deliveries.c.event_seq.in_(_SEQS))
_SHOWN = (
    history.c.id,
    history.c.event_seq,
    history.c.pipeline,
    history.c.lane,
    history.c.mode,
    history.c.state,
    history.c.reason,
    history.c.attempts,
    history.c.replay_of,
    history.c.finished_at,
    history.c.superseded_by,
)
FINISHED = select(*_SHOWN).where(history.c.event_seq.in_(_SEQS))

_mine = deliveries.alias("d")
_other = deliveries.alias("w")
# For each waiting one in a lane, the one that must end before it may start: the running one of its lane, else the one whose
# turn it is.
_ahead = (
    select(_other.c.id)
    .where(
        _other.c.lane == _mine.c.lane,
        or_(
            _other.c.state == RUNNING,
            (_other.c.state == WAITING) & (_other.c.mode == STRICT) & (position(_other.c) < position(_mine.c)),
            (_other.c.state == WAITING)
            & (_other.c.mode == LATEST)
            & (_mine.c.mode == LATEST)
            & (position(_other.c) > position(_mine.c)),
        ),
    )
    .order_by(_other.c.state, _other.c.mode.desc(), _other.c.pos_time, _other.c.pos_event, _other.c.id)
    .limit(1)
    .scalar_subquery()
)
_waiting = (
    select(_mine.c.id, _ahead.label("ahead"))
    .where(_mine.c.event_seq.in_(_SEQS), _mine.c.state == WAITING, _mine.c.lane.is_not(None))
    .subquery()
)
AHEAD = select(
    _waiting.c.id.label("of_id"),
    deliveries.c.id,
    case((deliveries.c.state == WAITING, deliveries.c.due_at)).label("due_at"),
).join_from(_waiting, deliveries, deliveries.c.id == _waiting.c.ahead)


def delivery_rows(connection: Connection, events: Mapping[int, str]) -> dict[int, list[DeliveryRow]]:
    """By event: its deliveries in the order of their numbers. `events` are ids by number of arrival."""
    found: dict[int, list[DeliveryRow]] = {seq: [] for seq in events}
    seqs = {"seqs": list(events)}
    if not events:
        return found
    for row in _ended(connection, list(events)):
        found[row.event_seq].append(_finished(row, events[row.event_seq]))
    ahead = {row.of_id: row for row in connection.execute(AHEAD, seqs)}
    for row in connection.execute(UNFINISHED, seqs):
        found[row.event_seq].append(_unfinished(row, events[row.event_seq], ahead.get(row.id)))
    return {seq: sorted(rows, key=lambda row: row.id) for seq, rows in found.items()}


def _ended(connection: Connection, seqs: list[int]) -> Iterable[Any]:
    """Their rows in the history. On PostgreSQL each day is asked for by itself: any other way to name scattered days takes it
    ten times as long to plan."""
    if connection.dialect.name != "postgresql":
        return connection.execute(FINISHED, {"seqs": seqs})
    columns = ", ".join(column.name for column in _SHOWN)
    parts = (
        f"SELECT {columns} FROM history WHERE id >= {first} AND id < {first + A_DAY}"
        f" AND event_seq IN ({', '.join(map(str, of_day))})"
        for first, of_day in by_day(seqs).items()
    )
    return connection.execute(text(" UNION ALL ".join(parts)))


def _finished(row: Any, event_id: str) -> DeliveryRow:
    return DeliveryRow(
        **_told(row, event_id),
        due_at=None,
        finished_at=instant_or_none(row.finished_at),
        superseded_by=row.superseded_by,
        owner=None,
        suspect=False,
    )


def _unfinished(row: Any, event_id: str, ahead: Any) -> DeliveryRow:
    return DeliveryRow(
        **_told(row, event_id),
        due_at=instant_or_none(row.due_at),
        finished_at=None,
        superseded_by=None,
        owner=row.owner,
        suspect=row.suspect,
        behind=ahead and ahead.id,
        behind_until=instant_or_none(ahead.due_at) if ahead else None,
    )


def _told(row: Any, event_id: str) -> dict[str, Any]:
    names = ("id", "pipeline", "lane", "mode", "state", "reason", "attempts", "replay_of")
    return {"event_id": event_id, **{name: getattr(row, name) for name in names}}
