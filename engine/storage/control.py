"""Control state: holds, and the configurations attempts ran with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, Update, delete, select, update

from engine.storage.area import Area
from engine.storage.dialect import upsert
from engine.storage.encoding import from_json, storable, storable_or_none, to_json
from engine.storage.instants import instant, micros
from engine.storage.protocol import Hold
from engine.storage.rows import FIRST_LOOK_US
from engine.storage.tables import WAITING, deliveries, holds, snapshots

d = deliveries.c


class ControlArea(Area):
    async def holds(self) -> list[Hold]:
        """All pauses and holds, by scope."""
        return await self._read(_holds)

    async def set_hold(self, hold: Hold) -> None:
        """Writes it, in place of an older one of the same scope and kind."""
        await self._write(lambda connection: _set_hold(connection, hold))

    async def lift(self, scope: str, now: datetime, kind: str | None = None) -> bool:
        """Removes holds of the scope, of any kind or of this, and makes what waited look-able now. False when there was none."""
        return await self._write(lambda connection: _lift(connection, scope, micros(now), kind))

    async def wake(self, pipelines: Sequence[str], now: datetime) -> None:
        """Makes what is due of these pipelines look-able now: they are back."""
        if pipelines:
            await self._write(lambda connection: connection.execute(_due(micros(now)).where(d.pipeline.in_(pipelines))))

    async def snapshot(self, config_hash: str, files: Mapping[str, str], now: datetime) -> None:
        """Keeps a configuration by its hash, once."""
        row = {"config_hash": config_hash, "at": micros(now), "files": to_json(dict(files))}
        await self._write(
            lambda connection: connection.execute(
                upsert(connection.dialect.name, snapshots).on_conflict_do_nothing(), row
            )
        )

    async def snapshot_of(self, config_hash: str) -> Mapping[str, str] | None:
        """The files of a configuration that was kept, by name."""
        files = await self._read(
            lambda connection: connection.execute(
                select(snapshots.c.files).where(snapshots.c.config_hash == config_hash)
            ).scalar_one_or_none()
        )
        return None if files is None else {str(name): str(text) for name, text in from_json(files).items()}

    async def configurations(self) -> list[tuple[str, datetime]]:
        """The hashes of all configurations that were kept, and since when; the newest first."""
        chosen = select(snapshots.c.config_hash, snapshots.c.at).order_by(snapshots.c.at.desc())
        rows = await self._read(lambda connection: connection.execute(chosen).all())
        return [(row.config_hash, instant(row.at)) for row in rows]


def _holds(connection: Connection) -> list[Hold]:
    return [
        Hold(scope=row.scope, kind=row.kind, by=row.by, reason=row.reason, at=instant(row.at), owner=row.owner)
        for row in connection.execute(select(holds).order_by(holds.c.scope, holds.c.kind))
    ]


def _set_hold(connection: Connection, hold: Hold) -> None:
    row = {
        "by": storable(hold.by),
        "reason": storable(hold.reason),
        "at": micros(hold.at),
        "owner": storable_or_none(hold.owner),
    }
    insert = upsert(connection.dialect.name, holds)
    changed = insert.on_conflict_do_update(index_elements=[holds.c.scope, holds.c.kind], set_=row)
    connection.execute(changed, {"scope": hold.scope, "kind": hold.kind, **row})


def _lift(connection: Connection, scope: str, now_us: int, kind: str | None) -> bool:
    lifted = delete(holds).where(holds.c.scope == scope)
    if not connection.execute(lifted if kind is None else lifted.where(holds.c.kind == kind)).rowcount:
        return False
    # Which connectors a pipeline uses is not known here, so a connector's hold wakes all that is due.
    waiting = _due(now_us)
    what, _, name = scope.partition(":")
    if what == "pipeline":
        waiting = waiting.where(d.pipeline == name)
    connection.execute(waiting)
    return True


def _due(now_us: int) -> Update:
    waiting = update(deliveries).where(d.state == WAITING, d.due_at <= now_us, d.look_at > now_us, ~d.policy_off)
    return waiting.values(look_at=now_us, look_step=FIRST_LOOK_US)
