"""CPU per call of the way out, layer by layer, against bare llhttp on the loop. `python -m benchmarks.http_client`.

One small server in another process answers 1 KB of JSON. The variants take turns, so that a noisy machine is noisy to all.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import cast

import orjson
import uvloop

from benchmarks.floor import Bare
from benchmarks.floor import bare as bare_connection
from engine.auth import BearerAuth
from engine.catalog import Catalog
from engine.clock import SystemClock
from engine.connector import Connector, Limits
from engine.exchange import Exchange
from engine.masking import Masker
from engine.request import Call, HttpRequest
from engine.settings import Settings
from engine.transports.http import HttpTransport

BODY = orjson.dumps({f"field_{number}": "x" * 80 for number in range(10)})
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
CONTENT = {"imsi": "001010000000001", "msisdn": ["15550100042"], "cs_profile": "default", "action": "update"}
IN_FLIGHT = 32
Ask = Callable[[], Awaitable[object]]


class Answering(asyncio.Protocol):
    """Answers each read with one reply: our requests are small enough to come in one piece."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by class

    def data_received(self, data: bytes) -> None:
        self.transport.write(ANSWER)


def answer(ports: SimpleQueue[int]) -> None:
    """Serves until the process is ended; tells its port first."""

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0)
        ports.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    uvloop.run(serve())


def bare(connections: list[Bare]) -> Ask:
    """Bare llhttp, with the JSON both ways."""

    async def ask() -> object:
        connection = connections.pop()
        body = await connection.ask("/prov", orjson.dumps(CONTENT))
        connections.append(connection)
        return orjson.loads(body)

    return ask


def transport_of(transport: HttpTransport) -> Ask:
    """Our transport: bounded, read, faults told apart."""
    request = HttpRequest(method="POST", path="/prov", body="json", content=CONTENT)
    return lambda: transport.exchange(request, "json", 5.0)


def exchange_of(exchange: Exchange) -> Ask:
    """The whole way out: permits, auth, trace headers, what was sent described and masked."""
    request = HttpRequest(method="POST", path="/prov", body="json", content=CONTENT)
    call = Call(connector="hss", operation="sync", step="sync", render=lambda _: request, trace_id="7d" * 16)
    return lambda: exchange.send(call)


async def cpu_us(ask: Ask, calls: int) -> float:
    """Microseconds of this process's CPU per call, `IN_FLIGHT` at a time."""

    async def caller() -> None:
        for _ in range(calls // IN_FLIGHT):
            await ask()

    await asyncio.gather(*(ask() for _ in range(IN_FLIGHT)))
    before_s = time.process_time()
    await asyncio.gather(*(caller() for _ in range(IN_FLIGHT)))
    return (time.process_time() - before_s) / (calls // IN_FLIGHT * IN_FLIGHT) * 1e6


async def compare(port: int, calls: int, rounds: int) -> None:
    """Prints the median of each variant and its ratio to the bare one."""
    connector = Connector(
        name="hss",
        base_url=f"http://127.0.0.1:{port}",
        auth=BearerAuth(token="a-token-of-the-hss"),
        limits=Limits(rate=1e6, concurrency=64),
    )
    clock = SystemClock()
    catalog = Catalog(
        project=Path(),
        settings=Settings(instance="bench"),
        connectors={"hss": connector},
        pipelines={},
        secrets=frozenset({"a-token-of-the-hss", "another-secret", "one-more-secret"}),
    )
    connections = [await bare_connection(port) for _ in range(IN_FLIGHT)]
    transport, exchange = HttpTransport(connector, clock), Exchange(catalog, clock, Masker())
    variants = {
        "bare": bare(connections),
        "transport": transport_of(transport),
        "exchange": exchange_of(exchange),
    }
    found: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, ask in variants.items():
            found[name].append(await cpu_us(ask, calls))
    floor = statistics.median(found["bare"])
    for name, times in found.items():
        middle = statistics.median(times)
        print(f"{name:12} {middle:6.1f} µs of CPU a call  x{middle / floor:.2f}  ({min(times):.1f}-{max(times):.1f})")
    for connection in connections:
        connection.transport.close()
    await transport.close()
    await exchange.close()


def main(calls: int = 6_400, rounds: int = 5) -> None:
    """Runs the comparison against a server of its own."""
    ports: SimpleQueue[int] = multiprocessing.get_context("spawn").SimpleQueue()
    server = multiprocessing.get_context("spawn").Process(target=answer, args=(ports,), daemon=True)
    server.start()
    try:
        uvloop.run(compare(ports.get(), calls, rounds))
    finally:
        server.terminate()
        server.join()


if __name__ == "__main__":
    main(calls=1_600 if "--quick" in sys.argv else 6_400)
