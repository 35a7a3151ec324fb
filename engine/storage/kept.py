"""A connection for each thread that works with the store, kept from one transaction to the next."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError


class Kept:
    """The connections of some threads to one server. To take one from a pool and give it back costs more than to begin and
    commit, so `engine` has none (NullPool): a connection that is closed is gone."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._own = threading.local()
        self._all: set[Connection] = set()

    def connection(self) -> Connection:
        """This thread's."""
        own: Connection | None = getattr(self._own, "connection", None)
        if own is None:
            self._own.connection = own = self._engine.connect()
            self._all.add(own)
        return own

    def roll_back(self) -> None:
        """Undoes what this thread's connection has not committed. One that is broken is closed: the next is another."""
        own: Connection = self._own.connection
        with suppress(DBAPIError):  # the look at it tells
            own.rollback()
        if own.invalidated or _driver(own).info.transaction_status != TransactionStatus.IDLE:
            self.close_own()

    def close_own(self) -> None:
        """Closes this thread's connection, if it has one: the next is another."""
        own: Connection | None = getattr(self._own, "connection", None)
        self._own.connection = None
        if own is not None:
            self._all.discard(own)
            own.close()

    def close(self) -> None:
        """Closes all, once their threads have ended."""
        while self._all:
            self._all.pop().close()


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection
