"""The external system, as a process of its own: it writes a line for every request, before it answers.

Run as a script: target.py PORT LOGFILE SEED. `POST /_behave` sets how each path answers from then on, such as
{"target": {"share_503": 0.2, "delay_s": 0.1}}; what a path is not told, it answers at once with 200.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import time
import zlib
from pathlib import Path
from typing import Any

import orjson
import uvicorn

CHUNK = b"x" * 65536
GIGABYTE = 1 << 30


class Target:
    """ASGI. A line of the log is {t, path, id, lane, key, status}; only a status of 200 is an effect."""

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
        await self._take(name, orjson.loads(raw or b"{}"), scope, send)

    async def _take(self, name: str, body: dict[str, Any], scope: Any, send: Any) -> None:
        told = self._behaviour.get(name, {})
        status = self._status(told, body)
        key = next((value.decode() for header, value in scope["headers"] if header == b"idempotency-key"), "")
        self._note(path=name, id=body.get("id"), lane=body.get("lane"), key=key, status=status)
        if body.get("id") == told.get("kills"):
            os.kill(caller(scope["client"][1]), signal.SIGKILL)
        if told.get("delay_s"):
            await asyncio.sleep(told["delay_s"])
        if told.get("mode"):
            return await MODES[told["mode"]](send)
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


async def hang(_send: Any) -> None:
    await asyncio.sleep(600)


async def drip(send: Any) -> None:
    """A byte a second."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    for _ in range(600):
        await send({"type": "http.response.body", "body": b" ", "more_body": True})
        await asyncio.sleep(1)


async def huge(send: Any) -> None:
    """A body of 1 GB, without its length."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    for _ in range(GIGABYTE // len(CHUNK)):
        await send({"type": "http.response.body", "body": CHUNK, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def gzip_bomb(send: Any) -> None:
    """1 GB of zeros in 1 MB."""
    headers = [(b"content-type", b"application/json"), (b"content-encoding", b"gzip")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    packer = zlib.compressobj(9, wbits=31)
    zeros = bytes(1 << 24)
    for _ in range(64):
        await send({"type": "http.response.body", "body": packer.compress(zeros), "more_body": True})
        await asyncio.sleep(0)
    await send({"type": "http.response.body", "body": packer.flush()})


MODES = {"hang": hang, "drip": drip, "huge": huge, "gzip_bomb": gzip_bomb}


def main() -> None:
    port, log, seed = sys.argv[1:]
    app: Any = Target(log, int(seed))
    uvicorn.run(
        app, host="127.0.0.1", port=int(port), log_level="error", access_log=False, lifespan="off", loop="uvloop",
        backlog=2048, interface="asgi3",
    )  # fmt: skip


if __name__ == "__main__":
    main()
