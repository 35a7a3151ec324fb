"""The queue's server under attack: Valkey as operators run it, with an append-only file, or RabbitMQ."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from tests.rabbitmq_server import rabbitmq_running
from tests.redis_server import RedisServer


class QueueServer(Protocol):
    """What can happen to it. `wipe` needs a killed one."""

    url: str

    def start(self) -> None:
        """Returns when it answers."""

    def kill(self) -> None:
        """kill -9; what it had on disk stays."""

    def wipe(self) -> None:
        """Removes what it had on disk."""

    def freeze(self) -> None:
        """SIGSTOP."""

    def thaw(self) -> None:
        """SIGCONT."""

    def full(self, on: bool) -> None:
        """Whether it refuses messages because its memory is used up."""


Running = Callable[[Path], AbstractContextManager[QueueServer]]


class Valkey(RedisServer):
    """With an append-only file that is synced each second."""

    def __init__(self, folder: Path) -> None:
        super().__init__("--appendonly", "yes", "--dir", str(folder))
        self._folder = folder
        folder.mkdir()

    def wipe(self) -> None:
        shutil.rmtree(self._folder)
        self._folder.mkdir()

    def full(self, on: bool) -> None:
        with self.client() as client:
            client.config_set("maxmemory", "1" if on else "0")

    def sync_always(self) -> None:
        """From now on until it starts again, each write is on the disk before it is answered."""
        with self.client() as client:
            client.config_set("appendfsync", "always")

    def read_only(self, on: bool) -> None:
        """As after a failover: it is a replica of a server that is not there."""
        with self.client() as client:
            client.replicaof(*(("127.0.0.1", "1") if on else ("NO", "ONE")))


@contextmanager
def valkey_running(folder: Path) -> Iterator[Valkey]:
    """It runs until the block ends."""
    server = Valkey(folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()


def rabbitmq(_folder: Path) -> AbstractContextManager[QueueServer]:
    """Skips, as a test does, where none is installed."""
    return rabbitmq_running()
