"""A connection for each thread that works with the store, kept from one transaction to the next."""

from __future__ import annotations

import threading

from sqlalchemy import Connection, Engine


class Kept:
    """The connections of some threads to one server. To take one from the pool and give it back costs more than to begin and
    commit; a thread that met an error gives its own back, and takes another."""

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

    def give_back(self) -> None:
        """This thread's goes back to the pool, which undoes what is unfinished; broken ones are replaced there."""
        own, self._own.connection = self._own.connection, None
        self._all.discard(own)
        own.close()

    def forget(self) -> None:
        """None of those that wait in the pool is used again: they were made to a server that is gone."""
        self._engine.dispose()

    def close(self) -> None:
        """Closes all, once their threads have ended."""
        while self._all:
            self._all.pop().close()
        self._engine.dispose()
