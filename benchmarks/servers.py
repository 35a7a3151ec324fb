"""PostgreSQL and Valkey of the wheels, as the tests start them; PostgreSQL syncs, as operators run it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg import sql

from benchmarks.process import tree_cpu_s_of
from engine.storage.postgresql import schema_of
from tests.postgres import Server
from tests.postgres import running as postgres_running
from tests.redis_server import RedisServer, redis_running


@dataclass(frozen=True)
class Servers:
    """Both, and what they have used so far."""

    postgres: Server
    valkey: RedisServer

    def environ(self) -> dict[str, str]:
        return {"NSPS_STORE": self.postgres.url, "NSPS_QUEUE": self.valkey.url}

    def postgres_cpu_s(self) -> float:
        """The postmaster with all its children, those that have ended too."""
        return tree_cpu_s_of(int((self.postgres.data / "postmaster.pid").read_text().split()[0]))

    def valkey_cpu_s(self) -> float:
        """By its own account: all of its threads."""
        with self.valkey.client() as client:
            told = client.info("cpu")
        return float(told["used_cpu_user"]) + float(told["used_cpu_sys"])

    def clear(self) -> None:
        """The next one finds them as new."""
        self.postgres.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema_of("bench"))))
        self.valkey.flush()


@contextmanager
def servers_running() -> Iterator[Servers]:
    """Both, until the block ends. PostgreSQL remembers when each transaction was committed."""
    with postgres_running(durable=True) as postgres, redis_running() as valkey:
        postgres.execute("ALTER SYSTEM SET track_commit_timestamp = on")
        postgres.stop()
        postgres.start()
        yield Servers(postgres, valkey)
