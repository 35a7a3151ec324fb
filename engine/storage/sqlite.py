"""SQLite as a store: where the file is, how it is opened, and the threads that wait for its disk.

A file has one writer thread, so that a whole group is one hop, and a few readers. A store in memory has neither: its one
connection is used where it is called, which suits tests and their virtual clocks.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool, StaticPool

from engine.errors import StoreUnavailable
from engine.storage.committer import unavailable
from engine.storage.direct import lay_lines

T = TypeVar("T")
READERS = 2
BUSY_TIMEOUT_MS = 5000


def file_of(url: str, project: Path) -> Path | None:
    """The file that `sqlite:///var/nsps.db` names, relative to the project; None for `sqlite://`, in memory."""
    path = url.removeprefix("sqlite://")
    if path in {"", "/", "/:memory:"}:
        return None
    return project / path.removeprefix("/")


def hindrance(path: Path) -> str:
    """Why the file could not be made there, empty when it could."""
    there = next(folder for folder in path.absolute().parents if folder.exists())
    if not there.is_dir():
        return f"{there} is no folder"
    return "" if os.access(there, os.W_OK | os.X_OK) else f"the folder {there} may not be written by this user"


class FileConnections:
    """The store in a file."""

    dialect = "sqlite"
    groups = 1

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnavailable(f"cannot make the folder of the store {path}: {error.strerror}") from error
        self._writing = _engine(str(path), "BEGIN IMMEDIATE", 1)
        self._reading = _engine(str(path), "BEGIN", READERS)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store-writer")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="store-reader")
        self._closed = False

    async def write(self, job: Callable[[Connection], T], /) -> T:
        return await self._on(self._writer, self._writing, job)

    async def read(self, job: Callable[[Connection], T], /) -> T:
        try:
            return await self._on(self._readers, self._reading, job)
        except DBAPIError as error:
            raise unavailable(error) from error

    async def _on(self, threads: ThreadPoolExecutor, engine: Engine, job: Callable[[Connection], T]) -> T:
        if self._closed:
            raise StoreUnavailable("the store is closed: this process is stopping")
        return await asyncio.get_running_loop().run_in_executor(threads, in_transaction, engine, job)

    async def close(self) -> None:
        """Ends threads and connections; the last connection folds the write-ahead log into the file."""
        self._closed = True
        for threads in (self._readers, self._writer):
            await asyncio.to_thread(threads.shutdown)
        self._reading.dispose()
        self._writing.dispose()


class MemoryConnections:
    """The store in this process's memory, gone with it."""

    dialect = "sqlite"
    groups = 1

    def __init__(self) -> None:
        self._engine = _engine(":memory:", "BEGIN", 1)

    async def write(self, job: Callable[[Connection], T], /) -> T:
        return in_transaction(self._engine, job)

    async def read(self, job: Callable[[Connection], T], /) -> T:
        return in_transaction(self._engine, job)

    async def close(self) -> None:
        self._engine.dispose()


def in_transaction(engine: Engine, job: Callable[[Connection], T]) -> T:
    """Runs `job` in one transaction: commits it, or rolls it back when it raises."""
    with engine.begin() as connection:
        return job(connection)


def _engine(path: str, begin: str, connections: int) -> Engine:
    def connect() -> sqlite3.Connection:
        return sqlite3.connect(path, check_same_thread=False, isolation_level=None, cached_statements=512)

    pool: dict[str, Any] = {"poolclass": StaticPool}
    if path != ":memory:":
        pool = {"poolclass": QueuePool, "pool_size": connections, "max_overflow": 0}
    engine = create_engine("sqlite://", creator=connect, **pool)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        for pragma in (
            f"busy_timeout={BUSY_TIMEOUT_MS}",
            "journal_mode=WAL",
            "synchronous=FULL",  # a commit is on the disk when it returns
            "secure_delete=ON",  # what is erased, such as progress, does not stay readable in the file
            "wal_autocheckpoint=4000",
            "temp_store=MEMORY",
            "cache_size=-4000",  # KiB, of each connection; the system's own cache has the rest of the file
        ):
            connection.execute(f"PRAGMA {pragma}")

    lay_lines(engine, begin)
    return engine
