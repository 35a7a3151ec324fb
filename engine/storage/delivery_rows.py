"""Deliveries as the history shows them, finished or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import BigInteger, Connection, bindparam, case, or_, select

from engine.storage.claiming import position
from engine.storage.instants import instant_or_none
from engine.storage.protocol import DeliveryRow
from engine.storage.tables import LATEST, RUNNING, STRICT, WAITING, deliveries, history

_SEQS = bindparam("seqs", expanding=True, type_=BigInteger())
UNFINISHED = select(deliveries).where(deliveries.c.event_seq.in_(_SEQS))
FINISHED = select(history).where(history.c.event_seq.in_(_SEQS))

_mine = deliveries.alias("d")
_other = deliveries.alias("w")
# The one that must end before a waiting one may start: the running one of its lane, else the one whose turn it is.
AHEAD = (
    select(_other.c.id, case((_other.c.state == WAITING, _other.c.due_at)).label("due_at"))
    .join_from(_mine, _other, _other.c.lane == _mine.c.lane)
    .where(
        _mine.c.id == bindparam("of_id", type_=BigInteger()),
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
)


def delivery_rows(connection: Connection, events: Mapping[int, str]) -> dict[int, list[DeliveryRow]]:
    """By event: its deliveries in the order of their numbers. `events` are ids by number of arrival."""
    found: dict[int, list[DeliveryRow]] = {seq: [] for seq in events}
    seqs = {"seqs": list(events)}
    for row in connection.execute(FINISHED, seqs):
        found[row.event_seq].append(_finished(row, events[row.event_seq]))
    for row in connection.execute(UNFINISHED, seqs).all():
        found[row.event_seq].append(_unfinished(connection, row, events[row.event_seq]))
    return {seq: sorted(rows, key=lambda row: row.id) for seq, rows in found.items()}


def _finished(row: Any, event_id: str) -> DeliveryRow:
    return DeliveryRow(
        **_told(row, event_id),
        due_at=None,
        finished_at=instant_or_none(row.finished_at),
        superseded_by=row.superseded_by,
        owner=None,
        suspect=False,
    )


def _unfinished(connection: Connection, row: Any, event_id: str) -> DeliveryRow:
    ahead = None
    if row.state == "waiting" and row.lane is not None:
        ahead = connection.execute(AHEAD, {"of_id": row.id}).one_or_none()
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
