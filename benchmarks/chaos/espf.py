"""A sender like PortaBilling's: it repeats an event until it is answered 200, and drops it for good at a 4xx."""

from __future__ import annotations

import asyncio
import base64
import itertools
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import orjson

from benchmarks.chaos.project import EVENT_TYPES, SECRETS

AUTHORIZATION = base64.b64encode(f"espf:{SECRETS['ESPF_PASSWORD']}".encode()).decode()
AGAIN_AFTER_S = 0.2  # how long the real one waits is not known
REFUSED = range(400, 500)


@dataclass(frozen=True, slots=True)
class Event:
    """One event; `i_event` is its id here, the account its lane."""

    i_event: int
    account: int
    pipeline: str = "main"
    i_env: int = 1
    filler: str = ""
    event_time: str = field(default_factory=lambda: time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime()))

    @property
    def body(self) -> bytes:
        variables: dict[str, Any] = {"i_env": self.i_env, "i_event": self.i_event, "i_account": self.account}
        if self.event_time:
            variables["event_time"] = self.event_time
        if self.filler:
            variables["filler"] = self.filler
        return orjson.dumps({"event_type": EVENT_TYPES[self.pipeline], "variables": variables})


@dataclass
class Sender:
    """Posts to the receivers in turn. `accepted` is when each event was first answered 200, by its id."""

    ports: Callable[[], Sequence[int]]
    timeout_s: float = 60.0
    sent: set[str] = field(default_factory=set)
    accepted: dict[str, float] = field(default_factory=dict)
    dropped: set[str] = field(default_factory=set)
    answers: Counter[int | None] = field(default_factory=Counter)
    waits_s: list[float] = field(default_factory=list)
    _turn: Any = field(default_factory=itertools.count)

    async def send(self, events: Sequence[Event], in_flight: int = 16, per_s: float | None = None) -> None:
        """Sends all, at most `per_s` a second. Events of one account go one after another, as they stand."""
        hands: list[list[tuple[int, Event]]] = [[] for _ in range(in_flight)]
        for number, event in enumerate(events):
            hands[event.account % in_flight].append((number, event))
        started = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for hand in hands:
                group.create_task(self._hand(hand, started, per_s))

    async def _hand(self, hand: Sequence[tuple[int, Event]], started: float, per_s: float | None) -> None:
        line = Line()
        try:
            await self._all_of(hand, line, started, per_s)
        finally:
            await line.close()

    async def _all_of(self, hand: Sequence[tuple[int, Event]], line: Line, started: float, per_s: float | None) -> None:
        for number, event in hand:
            if per_s is not None:
                await asyncio.sleep(max(0.0, started + number / per_s - time.monotonic()))
            while not await self.post(event, line):
                await asyncio.sleep(AGAIN_AFTER_S)

    async def post(self, event: Event, line: Line | None = None) -> bool:
        """Posts once. True when that was the end of it: 200, or dropped. Without a line, on one of its own."""
        if line is None:
            own = Line()
            try:
                return await self.post(event, own)
            finally:
                await own.close()
        self.sent.add(str(event.i_event))
        ports = self.ports()
        asked = time.time()
        status = await line.post(ports[next(self._turn) % len(ports)], event.body, self.timeout_s)
        self.answers[status] += 1
        if status == 200:
            self.accepted.setdefault(str(event.i_event), time.time())
            self.waits_s.append(time.time() - asked)
        elif status is not None and status in REFUSED:
            self.dropped.add(str(event.i_event))
        return status is not None and (status == 200 or status in REFUSED)


class Line:
    """A kept connection to whichever receiver is asked; opened again when it breaks."""

    def __init__(self) -> None:
        self._port: int | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def post(self, port: int, body: bytes, timeout_s: float) -> int | None:
        """The status; None when no answer came."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._exchange(port, body)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError):
            await self.close()
            return None

    async def _exchange(self, port: int, body: bytes) -> int:
        if self._port != port or self._writer is None or self._writer.is_closing():
            await self.close()
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", port)
            self._port = port
        head = (
            f"POST /espf HTTP/1.1\r\nhost: chaos\r\nauthorization: Basic {AUTHORIZATION}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        self._writer.write(head.encode() + body)
        await self._writer.drain()
        lines = (await self._reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
        length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
        await self._reader.readexactly(length)
        if b"connection: close" in lines:
            await self.close()
        return int(lines[0].split()[1])

    async def close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
