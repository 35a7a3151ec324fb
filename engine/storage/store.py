"""The store: the one owner of truth and time. Each area of it is a module beside this one."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Self

from sqlalchemy import text

from engine.addresses import kind_of, meant, shown, without_secrets
from engine.clock import Clock, SystemClock
from engine.errors import NoStore, StoreUnavailable, WrongUse
from engine.storage import schema
from engine.storage.claims import ClaimsArea
from engine.storage.committer import ROW_ERRORS, Committer, Connections, unavailable
from engine.storage.control import ControlArea
from engine.storage.forgetting import RetentionArea
from engine.storage.history import HistoryArea
from engine.storage.intake import IntakeArea
from engine.storage.ledger import LedgerArea
from engine.storage.owners import OwnersArea, server_time
from engine.storage.postgresql import ServerConnections
from engine.storage.progress import ProgressArea
from engine.storage.refusing import RefusalArea
from engine.storage.replaying import ReplayArea
from engine.storage.sqlite import FileConnections, MemoryConnections, file_of, hindrance
from engine.storage.sweeping import SweepArea

KINDS = ("postgresql", "postgres", "sqlite")


class Store(
    IntakeArea,
    RefusalArea,
    ClaimsArea,
    ProgressArea,
    OwnersArea,
    SweepArea,
    ControlArea,
    HistoryArea,
    ReplayArea,
    RetentionArea,
    LedgerArea,
):
    """All areas over one database. Open it with `Store.open`; use it on the loop that opened it; close it."""

    @classmethod
    async def open(cls, url: str, *, project: Path, clock: Clock, instance: str = "nsps", create: bool = True) -> Self:
        """The store `url` names. A new one is made and gets its schema, if `create`. `instance`: whose part of a server it is.

        The system's clock is set to the server's time. Raises WrongUse for an address it does not understand, NoStore for
        one where none is unless `create`, SchemaMismatch, StoreUnavailable.
        """
        if not create:
            _must_be_there(url, project)
        connections = connect(url, project, instance)
        try:
            if isinstance(connections, MemoryConnections):
                await connections.write(schema.create)
            else:
                if not create:
                    await connections.read(lambda connection: schema.must_be_there(connection, shown(url), instance))
                await connections.write(lambda connection: schema.check(connection, shown(url), clock.now()))
            if isinstance(clock, SystemClock):
                clock.offset += await _behind(connections, clock.now(), perf_counter())
        except (*ROW_ERRORS, StoreUnavailable) as error:
            await connections.close()
            raise _away(error, url) from error
        except BaseException:
            await connections.close()
            raise
        return cls(connections, Committer(connections), clock)

    async def ready(self) -> None:
        """Returns when the store answers. Raises StoreUnavailable."""
        await self._read(lambda connection: connection.execute(text("SELECT 1")).scalar_one())

    async def close(self) -> None:
        """Commits what is pending and closes; later calls raise StoreUnavailable."""
        await self._committer.close()
        await self._connections.close()

    @property
    def commits(self) -> int:
        """How many group commits there were: for measurements."""
        return self._committer.commits


async def _behind(connections: Connections, now: datetime, asked_s: float) -> timedelta:
    """How far the clock that says `now` is behind the server's; nothing where the store has none."""
    if connections.dialect != "postgresql":
        return timedelta(0)
    return (await connections.read(lambda connection: server_time(connection, now, asked_s)))[1] - now


async def migrate(url: str, *, project: Path, instance: str = "nsps") -> str:
    """Brings the store to this version's schema; returns its version. Raises StoreUnavailable, WrongUse."""
    connections = connect(url, project, instance)
    try:
        return await connections.write(schema.migrate)
    except (*ROW_ERRORS, StoreUnavailable) as error:
        raise _away(error, url) from error
    finally:
        await connections.close()


def _away(error: Exception, url: str) -> StoreUnavailable:
    """The same, naming the store."""
    away = error if isinstance(error, StoreUnavailable) else unavailable(error, opening=True)
    return StoreUnavailable(f"{without_secrets(str(away), url)} (the store is {shown(url)})")


def _named(kind: str) -> str:
    return f"`{kind}:`" if kind else "its address"


def _must_be_there(url: str, project: Path) -> None:
    """Looks before anything would make the file or its folder."""
    if not url.startswith("sqlite://"):
        return
    path = file_of(url, project)
    if path is None:
        raise NoStore(f"the store {url} is in the memory of the process that runs: no command can look into it")
    if not path.exists():
        raise NoStore(f"there is no store at {path}: nothing has run here", hindrance(path))


def connect(url: str, project: Path, instance: str) -> Connections:
    """How the store `url` is reached."""
    kind = kind_of(url)
    if kind in {"postgresql", "postgres"}:
        return ServerConnections(url, instance)
    if kind != "sqlite" or not url.startswith("sqlite://"):
        raise WrongUse(
            f"store: {_named(kind)} is no store{meant(kind, KINDS)}; write `sqlite:///var/nsps.db` (relative to the project) or "
            "`postgresql://USER:PASSWORD@HOST/DATABASE`"
        )
    path = file_of(url, project)
    return MemoryConnections() if path is None else FileConnections(path)
