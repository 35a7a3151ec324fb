"""Processes and their heartbeats: a claim lives while its owner's heart beats."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from time import perf_counter

from sqlalchemy import ColumnElement, Connection, delete, select, update

from engine.clock import SystemClock
from engine.storage.area import Area
from engine.storage.dialect import store_time, upsert
from engine.storage.encoding import storable
from engine.storage.instants import instant, micros
from engine.storage.protocol import Owner
from engine.storage.rows import FIRST_LOOK_US
from engine.storage.tables import RUNNING, WAITING, deliveries, owners

TIMES_ASKED = 3  # the quickest answer tells the time best
DEAD_AFTER_US = 10_000_000
FORGOTTEN_AFTER_US = 86_400_000_000


class OwnersArea(Area):
    async def beat(self, owner: Owner, now: datetime) -> datetime:
        """Writes this process's heartbeat; returns what the store's time was when it was `now` here: the server's, or the
        caller's where the store has no clock or a virtual one is used."""
        asked_s = perf_counter()
        return await self._write(lambda connection: self._beaten(connection, owner, now, asked_s))

    def _beaten(self, connection: Connection, owner: Owner, now: datetime, asked_s: float) -> datetime:
        if not isinstance(self._clock, SystemClock) or connection.dialect.name != "postgresql":
            _beat(connection, owner, now)
            return now
        told, then = server_time(connection, now, asked_s)
        _beat(connection, owner, told)
        return then

    async def leave(self, owner: str) -> None:
        """Removes this process's heartbeat row. What it still holds is stalled, and is looked at next."""
        await self._write(lambda connection: _leave(connection, owner))

    async def give_back(self, owner: str, now: datetime) -> int:
        """Running deliveries of this owner wait again, due now, nothing counted. Returns how many."""
        return await self._write(lambda connection: _give_back(connection, owner, micros(now)))

    async def give_back_strays(self, owner: str, known: Collection[int], before: datetime, now: datetime) -> int:
        """`give_back` for those that were claimed until `before` and are none of `known`: the owner runs no others."""
        return await self._write(
            lambda connection: _give_back_strays(connection, owner, known, micros(before), micros(now))
        )

    async def owners(self) -> list[tuple[Owner, datetime]]:
        """The processes that beat in the last day, and when each last did."""
        return await self._read(_owners)


def server_time(connection: Connection, now: datetime, asked_s: float) -> tuple[datetime, datetime]:
    """The server's time, and what it was when it was `now` here, `perf_counter()` being `asked_s`.

    A question that waited for its turn, or for a connection, must not pass its wait off as a difference of clocks: of two
    events that came to two receivers, one after the other, the second would seem to be the first.
    """
    told, told_s = min((_told(connection, now) for _ in range(TIMES_ASKED)), key=lambda one: one[2])[:2]
    return told, told - timedelta(seconds=told_s - asked_s)


def _told(connection: Connection, now: datetime) -> tuple[datetime, float, float]:
    """The server's time, when that was by our own seconds, and how long the question took: what it may be wrong by."""
    before_s = perf_counter()
    told = store_time(connection, now)
    after_s = perf_counter()
    return told, (before_s + after_s) / 2, after_s - before_s


def _beat(connection: Connection, owner: Owner, now: datetime) -> None:
    row = {
        "id": owner.id,
        "host": owner.host,
        "pid": owner.pid,
        "started_at": micros(owner.started_at),
        "config_hash": owner.config_hash,
        "refused": storable(owner.refused),
        "beat_at": micros(now),
    }
    changed = {"beat_at": row["beat_at"], "config_hash": owner.config_hash, "refused": row["refused"]}
    insert = upsert(connection.dialect.name, owners).on_conflict_do_update(index_elements=[owners.c.id], set_=changed)
    connection.execute(insert, row)
    connection.execute(delete(owners).where(owners.c.beat_at < micros(now) - FORGOTTEN_AFTER_US))


def _leave(connection: Connection, owner: str) -> None:
    connection.execute(delete(owners).where(owners.c.id == owner))
    held = update(deliveries).where(deliveries.c.owner == owner, deliveries.c.state == RUNNING)
    connection.execute(held.values(look_at=0))


def _give_back(connection: Connection, owner: str, now_us: int, *which: ColumnElement[bool]) -> int:
    given = update(deliveries).where(deliveries.c.owner == owner, deliveries.c.state == RUNNING, *which)
    values = {"state": WAITING, "owner": None, "due_at": now_us, "look_at": now_us, "look_step": FIRST_LOOK_US}
    return connection.execute(given.values(**values)).rowcount


def _give_back_strays(connection: Connection, owner: str, known: Collection[int], before_us: int, now_us: int) -> int:
    held = (deliveries.c.owner == owner, deliveries.c.state == RUNNING, deliveries.c.started_at <= before_us)
    strays = {*connection.execute(select(deliveries.c.id).where(*held)).scalars()}.difference(known)
    return _give_back(connection, owner, now_us, deliveries.c.id.in_(strays)) if strays else 0


def _owners(connection: Connection) -> list[tuple[Owner, datetime]]:
    rows = connection.execute(select(owners).order_by(owners.c.started_at))
    return [
        (
            Owner(
                id=row.id,
                host=row.host,
                pid=row.pid,
                started_at=instant(row.started_at),
                config_hash=row.config_hash,
                refused=row.refused,
            ),
            instant(row.beat_at),
        )
        for row in rows
    ]


def no_beat_ahead_of(connection: Connection, now_us: int) -> None:
    """What seems to beat in time to come beat now: one that lives beats again long before it would be taken for dead."""
    connection.execute(update(owners).where(owners.c.beat_at > now_us).values(beat_at=now_us))


def living(connection: Connection, now: datetime) -> set[str]:
    """The owners whose heart beats."""
    limit = micros(now) - DEAD_AFTER_US
    return set(connection.execute(select(owners.c.id).where(owners.c.beat_at >= limit)).scalars())


def owner_alive(connection: Connection, owner: str | None, now: datetime) -> bool:
    return owner is not None and owner in living(connection, now)
