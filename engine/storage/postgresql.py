"""PostgreSQL as a store: the connections of one process, their limits, and what is tried again when the server says so.

Everything of an instance lives in a schema of its own, so that several share one database and never meet. The address is
libpq's: several hosts, `sslmode`, `passfile` and the rest work as its documentation says.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, TypeVar

import psycopg
from psycopg import sql
from psycopg.types.numeric import Int8Dumper
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from engine.addresses import without_secrets
from engine.errors import StoreUnavailable, WrongUse
from engine.storage.committer import unavailable
from engine.storage.direct import execute, give_up, lay_lines, settle
from engine.storage.kept import Kept

T = TypeVar("T")
WRITERS = 3
READERS = 2
TRIES = 5
PAUSE_S = 0.02
# 40001 serialization failure, 40P01 deadlock: the server undid it all and asks to be asked again.
AGAIN = {"40001", "40P01"}
# A server that takes no writes: after a failover the old one, or a connection that a proxy kept.
READ_ONLY = "25006"

SETTINGS = {
    "statement_timeout": "30s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "60s",
    "timezone": "UTC",
    # Every statement of ours has its index. What the server knows of tables that fill and empty is never of this moment, and
    # by it would read all of them now and then.
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}
REACHED_BY: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,  # ms: a server that vanished is noticed while something waits for its answer
    "target_session_attrs": "read-write",
    "application_name": "nsps",
}


def schema_of(instance: str) -> str:
    """The schema that holds this instance; two instances never share one (a name holds 63 bytes)."""
    name = f"nsps_{instance}"
    if len(name.encode()) <= 63:
        return name
    return name[:40] + "_" + blake2b(instance.encode(), digest_size=8).hexdigest()


class ServerConnections:
    """One process's connections: some for groups and other writes, some for looking."""

    dialect = "postgresql"
    groups = 1

    def __init__(self, url: str, instance: str) -> None:
        self.schema = schema_of(instance)
        self._url = url
        self._conninfo = _conninfo(url)
        self._writing = Kept(self._engine({}))
        # What people ask for is planned for the days it concerns, each time; what is done all day is planned once.
        self._reading = Kept(self._engine({"plan_cache_mode": "force_custom_plan"}))
        self._writers = ThreadPoolExecutor(WRITERS, thread_name_prefix="store-writer")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="store-reader")
        self._closed = False

    async def write(self, job: Callable[[Connection], T], /) -> T:
        return await self._on(self._writers, self._writing, job)

    async def read(self, job: Callable[[Connection], T], /) -> T:
        try:
            return await self._on(self._readers, self._reading, job)
        except DBAPIError as error:
            raise unavailable(error) from error

    async def _on(self, threads: ThreadPoolExecutor, kept: Kept, job: Callable[[Connection], T]) -> T:
        if self._closed:
            raise StoreUnavailable("the store is closed: this process is stopping")
        return await asyncio.get_running_loop().run_in_executor(threads, _transact, kept, job)

    async def close(self) -> None:
        """Ends threads and connections."""
        self._closed = True
        for threads in (self._readers, self._writers):
            await asyncio.to_thread(threads.shutdown)
        self._reading.close()
        self._writing.close()

    def _engine(self, settings: Mapping[str, str]) -> Engine:
        engine = create_engine(
            "postgresql+psycopg://",
            creator=lambda: _connect(self._conninfo, _session(self.schema, {**SETTINGS, **settings}), self._url),
            poolclass=NullPool,
        )
        lay_lines(engine, "BEGIN")
        return engine


def _transact(kept: Kept, job: Callable[[Connection], T]) -> T:
    for left in reversed(range(TRIES)):
        if left < TRIES - 1:
            time.sleep(PAUSE_S * (TRIES - 1 - left))  # whoever we were in the way of goes first
        committing = Committing()
        try:
            return _in_transaction(kept, job, committing)
        except DBAPIError as error:
            if not left or not _may_repeat(kept, error, committing.began):
                raise
    raise AssertionError("the last try returns or raises")


@dataclass(slots=True)
class Committing:
    """Whether anybody has asked to commit."""

    began: bool = False


def _in_transaction(kept: Kept, job: Callable[[Connection], T], committing: Committing) -> T:
    connection = kept.connection()
    try:
        connection.begin()
        result = job(connection)
        committing.began = True
        _commit(connection)
    except BaseException:
        give_up(connection)
        kept.roll_back()
        raise
    if connection.invalidated:
        kept.close_own()
    else:
        connection.commit()  # Core's own state; the driver has nothing left to commit
    return result


def _commit(connection: Connection) -> None:
    """Returns when it is done, though the connection broke right afterwards: a server that stops answers COMMIT, then goes."""
    answer = execute(connection, "COMMIT")
    try:
        settle(connection)
    except DBAPIError:
        if answer.said != b"COMMIT":
            raise
    if answer.said != b"COMMIT":  # what had failed before the server rolls back in its place, which is no error to it
        raise StoreUnavailable("a statement of the transaction had failed: nothing of it is stored")


def _may_repeat(kept: Kept, error: DBAPIError, committing: bool) -> bool:
    """Whether it surely was not done: undone by the server, or cut off before anybody asked to commit."""
    state = getattr(error.orig, "sqlstate", None)
    if state == READ_ONLY:
        kept.close_own()  # the next is made to the server that takes writes
        return True
    return state in AGAIN or (error.connection_invalidated and not committing)


def _connect(conninfo: str, session: sql.Composed, url: str) -> psycopg.Connection[Any]:
    try:
        connection = psycopg.connect(conninfo)
    except psycopg.Error as error:
        error.args = (without_secrets(str(error), url),)  # it names the parts of the address as it understood them
        raise
    # One type for every integer, so that a statement is prepared once and not for each width of its values.
    connection.adapters.register_dumper(int, Int8Dumper)
    connection.prepare_threshold = None  # what psycopg prepares it forgets together with ours (DEALLOCATE ALL)
    connection.autocommit = True  # and it stays so: BEGIN and COMMIT are sent along with what they enclose
    try:
        connection.execute(session)
    except psycopg.Error:
        connection.close()
        raise
    return connection


def _conninfo(url: str) -> str:
    try:
        given = psycopg.conninfo.conninfo_to_dict(url)
        return psycopg.conninfo.make_conninfo(**{**REACHED_BY, **given})
    except psycopg.Error as error:
        raise WrongUse(f"store: this is no address of a PostgreSQL: {without_secrets(str(error), url)}") from error


def _session(schema: str, settings: Mapping[str, str]) -> sql.Composed:
    """What a new connection is told. A commit is on the disk when it returns, whatever the server's default is."""
    told: list[sql.Composable] = [sql.SQL("SET search_path = {}").format(sql.Identifier(schema))]
    told += [sql.SQL("SET {} = {}").format(sql.Identifier(name), value) for name, value in settings.items()]
    told.append(
        sql.SQL(
            "SELECT set_config('synchronous_commit', 'on', false)"
            " WHERE current_setting('synchronous_commit') IN ('off', 'local')"
        )
    )
    # Traces are packed where they are stored: by lz4 where the server has it, for its own way takes longer.
    told.append(
        sql.SQL(
            "SELECT set_config('default_toast_compression', 'lz4', false) FROM pg_settings"
            " WHERE name = 'default_toast_compression' AND 'lz4' = ANY(enumvals)"
        )
    )
    return sql.SQL("; ").join(told)
