"""What was refused: always counted, kept within bounds, so that an unauthenticated sender cannot fill the disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from engine.errors import NspsError
from engine.storage.area import Area
from engine.storage.counting import Counts, count, hour_of
from engine.storage.dialect import hold_others_off
from engine.storage.encoding import from_json, storable, to_json
from engine.storage.instants import SECOND_US, instant, micros
from engine.storage.protocol import Refusal
from engine.storage.tables import refusals


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much of what is refused is kept: the newest, so much a minute of one sender and of all."""

    count: int = 5_000
    total_bytes: int = 64 * 1024 * 1024
    body_bytes: int = 1024 * 1024
    sender_per_minute: int = 60
    all_per_minute: int = 300


BOUNDS = Bounds()


class RefusalArea(Area):
    async def refuse(self, refusal: Refusal) -> None:
        """Keeps what was refused, within bounds of count, bytes and rate; counts it always."""
        await self._committer.write(refuse_group, refusal)

    async def refusals(self, limit: int) -> list[Refusal]:
        """The newest first."""
        newest = select(refusals).order_by(refusals.c.id.desc()).limit(limit)
        return await self._read(lambda connection: [_refusal(row) for row in connection.execute(newest)])

    async def refusal(self, refusal_id: int) -> Refusal | None:
        """The one of this number, with its body."""
        chosen = select(refusals).where(refusals.c.id == refusal_id)
        row = await self._read(lambda connection: connection.execute(chosen).one_or_none())
        return None if row is None else _refusal(row)

    async def admitted(self, refusal_id: int, event_id: str) -> None:
        """Notes that the refused one was taken in after all, as this event."""
        now_us = micros(self._clock.now())
        await self._write(lambda connection: _admitted(connection, refusal_id, event_id, now_us))


def _admitted(connection: Connection, refusal_id: int, event_id: str, now_us: int) -> None:
    noted = update(refusals).where(refusals.c.id == refusal_id).values(admitted_as=event_id)
    if connection.execute(noted).rowcount:
        # What was taken in came from no new request.
        hour = hour_of(now_us)
        count(connection, Counter({(hour, "", "admitted"): 1, (hour, "", "requests"): -1}))


def refuse_group(connection: Connection, refused: Sequence[Refusal]) -> Sequence[NspsError | None]:
    now_us = micros(refused[-1].at)
    hold_others_off(connection, "refusals")  # the bounds hold for all processes together
    kept = _within_rate(connection, refused, now_us)
    if kept:
        connection.execute(insert(refusals), [_row(one) for one in kept])
        _drop_oldest(connection)
    counts: Counts = Counter()
    for one in refused:
        hour = hour_of(micros(one.at))
        counts[hour, "", "requests"] += 1
        counts[hour, "", "refused"] += 1
    count(connection, counts)
    return [None] * len(refused)


def _within_rate(connection: Connection, refused: Sequence[Refusal], now_us: int) -> list[Refusal]:
    """Those that this minute has room for."""
    recent = select(refusals.c.sender, func.count()).where(
        refusals.c.at > now_us - 60 * SECOND_US,
        refusals.c.id > select(func.coalesce(func.max(refusals.c.id), 0) - BOUNDS.all_per_minute).scalar_subquery(),
    )
    senders = Counter({row[0]: int(row[1]) for row in connection.execute(recent.group_by(refusals.c.sender))})
    kept: list[Refusal] = []
    for one in refused:
        sender = storable(one.sender)
        if senders[sender] < BOUNDS.sender_per_minute and senders.total() < BOUNDS.all_per_minute:
            senders[sender] += 1
            kept.append(one)
    return kept


def _row(refusal: Refusal) -> dict[str, Any]:
    kept = bounded_body(refusal)
    headers = to_json(dict(kept.headers))
    return {
        "at": micros(kept.at),
        "source": kept.source,
        "status": kept.status,
        "reason": storable(kept.reason),
        "sender": storable(kept.sender),
        "headers": headers,
        "body": kept.body,
        "size_bytes": len(kept.body) + len(headers),
        "admitted_as": kept.admitted_as,
    }


def bounded_body(refusal: Refusal) -> Refusal:
    """The refusal without its body where that is too large to keep, saying so."""
    if len(refusal.body) <= BOUNDS.body_bytes:
        return refusal
    reason = f"{refusal.reason} (its body of {len(refusal.body)} bytes was not kept)"
    return replace(refusal, reason=reason, body=b"")


def _drop_oldest(connection: Connection) -> None:
    number, size = connection.execute(select(func.count(), func.sum(refusals.c.size_bytes))).one()
    if number <= BOUNDS.count and (size or 0) <= BOUNDS.total_bytes:
        return
    total_bytes, keep_from = 0, 0
    newest = select(refusals.c.id, refusals.c.size_bytes).order_by(refusals.c.id.desc()).limit(BOUNDS.count)
    for row in connection.execute(newest):
        total_bytes += row.size_bytes
        if total_bytes > BOUNDS.total_bytes:
            break
        keep_from = row.id
    connection.execute(delete(refusals).where(refusals.c.id < keep_from))


def _refusal(row: Any) -> Refusal:
    headers: Mapping[str, str] = from_json(row.headers)
    return Refusal(
        id=row.id,
        at=instant(row.at),
        source=row.source,
        status=row.status,
        reason=row.reason,
        sender=row.sender,
        headers=headers,
        body=row.body,
        admitted_as=row.admitted_as,
    )
