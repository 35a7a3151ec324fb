"""The external system, as a process of its own: it writes a line for every request, before it answers.

Run as a script: target.py PORT LOGFILE SEED. `POST /_behave` sets how each path answers from then on, such as
{"target": {"share_503": 0.2, "delay_s": 0.1}}; what a path is not told, it answers at once with 200.
"""

from __future__ import annotations

import asyncio
import gzip
import os
import random
import signal
import sys
import time
from collections.abc import Coroutine
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import uvicorn

CHUNK = b"x" * 65536
GIGABYTE = 1 << 30


class Target:
    """ASGI. A line of the log is {t, path, id, lane, key, status, version}; only a status of 200 is an effect."""

    def __init__(self, log: str, seed: int) -> None:
        self._log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._chance = random.Random(seed)
        self._behaviour: dict[str, dict[str, Any]] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        raw = b""
        while (message := await receive()).get("more_body") or message["type"] == "http.request":
            raw += message.get("body", b"")
            if not message.get("more_body"):
                break
        name = scope["path"].strip("/")
        if name == "_behave":
            self._behaviour = orjson.loads(raw)
            return await answer(send, 200)
        await self._take(name, orjson.loads(raw or b"{}"), scope, (receive, send))

    async def _take(self, name: str, body: dict[str, Any], scope: Any, line: tuple[Any, Any]) -> None:
        receive, send = line
        told = self._behaviour.get(name, {})
        status = self._status(told, body)
        key = next((value.decode() for header, value in scope["headers"] if header == b"idempotency-key"), "")
        self._note(
            path=name, id=body.get("id"), lane=body.get("lane"), key=key, status=status, version=body.get("version")
        )
        if body.get("id") == told.get("kills"):
            os.kill(caller(scope["client"][1]), signal.SIGKILL)
        if told.get("delay_s"):
            await asyncio.sleep(told["delay_s"])
        if told.get("mode"):
            return await until_gone(MODES[told["mode"]](send), receive)
        headers = [(b"retry-after", told["retry_after"].encode())] if status != 200 and "retry_after" in told else []
        await answer(send, status, headers)

    def _status(self, told: dict[str, Any], body: dict[str, Any]) -> int:
        if told.get("mode"):
            return 0
        if body.get("lane") in told.get("fails_lanes", ()) or body.get("id") == told.get("kills"):
            return 503
        if self._chance.random() < told.get("share_503", 0):
            return 503
        return int(told.get("status", 200))

    def _note(self, **line: Any) -> None:
        os.write(self._log, orjson.dumps({"t": time.time(), **line}) + b"\n")


def caller(port: int) -> int:
    """The process that holds the other end of a connection of this machine."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[1].rpartition(":")[2], 16) == port:
            held = f"socket:[{fields[9]}]"
            return next(int(fd.parts[2]) for fd in Path("/proc").glob("[0-9]*/fd/*") if link(fd) == held)
    raise LookupError(f"nobody is at port {port}")


def link(fd: Path) -> str:
    try:
        return str(fd.readlink())
    except OSError:
        return ""


async def answer(send: Any, status: int, headers: list[tuple[bytes, bytes]] | None = None) -> None:
    body = b'{"ok":true}' if status == 200 else b'{"error":"not now"}'
    fixed = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*fixed, *(headers or [])]})
    await send({"type": "http.response.body", "body": body})


async def until_gone(answering: Coroutine[Any, Any, None], receive: Any) -> None:
    """Answers until the caller hangs up."""
    tasks = [asyncio.ensure_future(answering), asyncio.ensure_future(receive())]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def hang(_send: Any) -> None:
    await asyncio.sleep(600)


async def drip(send: Any) -> None:
    """A byte a second."""
    await begin(send)
    for _ in range(600):
        await send({"type": "http.response.body", "body": b" ", "more_body": True})
        await asyncio.sleep(1)


async def huge(send: Any) -> None:
    """A body of 1 GB, without its length."""
    await begin(send)
    await pour(send, CHUNK, GIGABYTE // len(CHUNK))


async def gzip_bomb(send: Any) -> None:
    """1 GB of zeros in 1 MB: 64 parts of 16 MB each."""
    await begin(send, (b"content-encoding", b"gzip"))
    await pour(send, packed_zeros(), 64)


@cache
def packed_zeros() -> bytes:
    return gzip.compress(bytes(1 << 24))


async def begin(send: Any, *headers: tuple[bytes, bytes]) -> None:
    fixed = (b"content-type", b"application/json")
    await send({"type": "http.response.start", "status": 200, "headers": [fixed, *headers]})


async def pour(send: Any, chunk: bytes, times: int) -> None:
    for _ in range(times):
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await asyncio.sleep(0)
    await send({"type": "http.response.body", "body": b""})


MODES = {"hang": hang, "drip": drip, "huge": huge, "gzip_bomb": gzip_bomb}


def main() -> None:
    port, log, seed = sys.argv[1:]
    app: Any = Target(log, int(seed))
    packed_zeros()  # now: packed at the first bomb, it would hold up everybody's answers for as long
    uvicorn.run(
        app, host="127.0.0.1", port=int(port), log_level="error", access_log=False, lifespan="off", loop="uvloop",
        backlog=2048, interface="asgi3",
    )  # fmt: skip


if __name__ == "__main__":
    main()
