"""A real RabbitMQ for tests, where `rabbitmq-server` is installed: on ports and in a folder of its own, as ill as need be."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pika
import pytest

from tests.ports import free_port

STARTS_WITHIN_S = 90.0


def lacking() -> str:
    """What this machine lacks to run a RabbitMQ; empty when it has all."""
    missing = [name for name in ("rabbitmq-server", "epmd") if shutil.which(name) is None]
    return f"no RabbitMQ here: {' and '.join(missing)} not installed" if missing else ""


def _program(name: str) -> str:
    """The script itself where there is one: the one on the path may insist on a user and a folder of the system."""
    found = shutil.which(name)
    assert found is not None, lacking()
    own = Path(found).parent.parent / "lib" / "rabbitmq" / "bin" / name
    return str(own if own.exists() else found)


class RabbitServer:
    """A node on loopback. `freeze` stops it where it stands, `kill` ends it at once; what it had on disk stays until `wipe`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._port, distribution, self._names_port = free_port(), free_port(), free_port()
        self.url = f"amqp://guest:guest@127.0.0.1:{self._port}/"
        (folder / "plugins").write_text("[].\n")
        (folder / "empty").touch()
        self._environ = {
            **os.environ,
            "HOME": str(folder),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._names_port),
            "RABBITMQ_NODENAME": f"nsps{self._port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self._port),
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_MNESIA_DIR": str(folder / "data" / "node"),
            "RABBITMQ_FEATURE_FLAGS_FILE": str(folder / "data" / "flags"),
            "RABBITMQ_LOG_BASE": str(folder / "logs"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "empty"),
            "RABBITMQ_CONFIG_FILE": str(folder / "none"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "none"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        }
        self._names: subprocess.Popen[bytes] | None = None
        self._node: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it answers."""
        if self._names is None:
            epmd = [str(shutil.which("epmd")), "-port", str(self._names_port), "-address", "127.0.0.1"]
            self._names = subprocess.Popen(epmd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")
        (self.folder / "data").mkdir(exist_ok=True)
        with (self.folder / "out").open("ab") as out:
            # A group of its own: the script that starts it waits beside it, and all of it must die at once.
            self._node = subprocess.Popen(
                [_program("rabbitmq-server")], env=self._environ, cwd=self.folder, stdin=subprocess.DEVNULL,
                stdout=out, stderr=out, start_new_session=True,
            )  # fmt: skip
        until = time.monotonic() + STARTS_WITHIN_S
        while not self.answers():
            assert time.monotonic() < until and self._node.poll() is None, (self.folder / "out").read_text()[-2000:]
            time.sleep(0.1)

    def answers(self) -> bool:
        """Whether somebody may connect now."""
        try:
            pika.BlockingConnection(_parameters(self.url)).close()
        except (pika.exceptions.AMQPError, OSError):
            return False
        return True

    def control(self, *words: str) -> str:
        """What `rabbitmqctl` says."""
        done = subprocess.run(
            [_program("rabbitmqctl"), "-q", *words],
            env=self._environ, cwd=self.folder, capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        return done.stdout

    def queues(self) -> set[str]:
        """The names of all queues."""
        return set(self.control("list_queues", "--no-table-headers", "name").split())

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def full(self, on: bool) -> None:
        """The memory alarm: it takes no message any more, and reads nothing from those who send some."""
        self.control("set_vm_memory_high_watermark", "0.0001" if on else "0.4")

    def kill(self) -> None:
        """Ends it at once, as kill -9 does; `start` begins it anew on the same port, with what it had on disk."""
        if self._node is not None:
            self._signal(signal.SIGKILL)
            self._node.wait()
            self._node = None

    def wipe(self) -> None:
        """Removes what a killed one left on the disk."""
        shutil.rmtree(self.folder / "data", ignore_errors=True)

    def end(self) -> None:
        """For good."""
        self.kill()
        if self._names is not None:
            self._names.kill()
            self._names.wait()
            self._names = None

    def _signal(self, number: int) -> None:
        assert self._node is not None
        with suppress(ProcessLookupError):
            os.killpg(self._node.pid, number)


def _parameters(url: str) -> pika.URLParameters:
    parameters = pika.URLParameters(url)
    parameters.socket_timeout = parameters.stack_timeout = parameters.blocked_connection_timeout = 2
    parameters.connection_attempts = 1
    return parameters


@contextmanager
def rabbitmq_running() -> Iterator[RabbitServer]:
    """A server that runs until the block ends. Skips the test, with the reason, where there is none."""
    if lacking():
        pytest.skip(lacking())
    folder = Path(tempfile.mkdtemp(prefix="nsps-rabbitmq-"))
    server = RabbitServer(folder)
    try:
        server.start()
        yield server
    finally:
        server.end()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[RabbitServer]:
    """One for the whole session: it takes seconds to start. Give each test an instance name of its own."""
    with rabbitmq_running() as server:
        yield server
