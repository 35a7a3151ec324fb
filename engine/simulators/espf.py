"""PortaBilling's EventSender: it posts events and keeps them until somebody answers 200 (domain.md 1.1, 1.4)."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlsplit

import orjson

from engine.clock import Clock, SystemClock


@dataclass(slots=True, kw_only=True)
class Queued:
    """One event in ESPF's queue. `statuses` are the answers so far, None where none came."""

    event_type: str
    variables: dict[str, Any]
    statuses: list[int | None] = field(default_factory=list)

    @property
    def body(self) -> bytes:
        """The JSON the sender posts: the same bytes at every attempt."""
        return orjson.dumps({"event_type": self.event_type, "variables": self.variables})


class EspfSender:
    """Sends what is emitted, in order, one at a time, to `url` with Basic credentials.

    200 removes an event. 4xx drops it for good. Anything else, or no answer within `timeout_s`, sends it again after
    `again_after_s`; how long the real one waits is not known. `url` None: events only gather.
    """

    def __init__(
        self,
        url: str | None = None,
        credentials: tuple[str, str] = ("espf", "espf-password"),
        clock: Clock | None = None,
        timeout_s: float = 300.0,
        again_after_s: float = 1.0,
    ) -> None:
        self.url = url
        self.credentials = credentials
        self.clock = clock or SystemClock()
        self.timeout_s = timeout_s
        self.again_after_s = again_after_s
        self.queue: list[Queued] = []
        self.accepted: list[Queued] = []
        self.dropped: list[Queued] = []
        self.on_answer: Callable[[Queued], None] = lambda queued: None
        self._last_event = 810000
        self._emitted = asyncio.Event()

    def emit(self, event_type: str, **variables: Any) -> Queued:
        """Puts an event in the queue, with the next `i_event` and the time; returns it."""
        self._last_event += 1
        at = self.clock.now().strftime("%Y-%m-%d %H:%M:%S")
        queued = Queued(
            event_type=event_type, variables={"i_env": 1, "i_event": self._last_event, **variables, "event_time": at}
        )
        self.queue.append(queued)
        self._emitted.set()
        return queued

    def send_again(self, queued: Queued) -> None:
        """Puts an event in the queue once more, as after an answer that was lost on the way."""
        self.queue.append(queued)
        self._emitted.set()

    async def run(self) -> None:
        """Sends for ever; cancel it to stop."""
        while True:
            self._emitted.clear()
            if not await self.send_all():
                await self.clock.sleep(self.again_after_s)
            elif not self.queue:
                await self._emitted.wait()

    async def send_all(self) -> bool:
        """One attempt for each event that waits now; False when one of them must be sent again."""
        for queued in tuple(self.queue):
            status = await self._post(queued)
            queued.statuses.append(status)
            if status == 200:
                self.accepted.append(queued)
            elif status is not None and 400 <= status < 500:
                self.dropped.append(queued)
            if status == 200 or queued in self.dropped:
                self.queue.remove(queued)
            self.on_answer(queued)
        return not self.queue

    async def _post(self, queued: Queued) -> int | None:
        if self.url is None:
            return None
        try:
            async with asyncio.timeout(self.timeout_s):
                return await post(self.url, self._headers(), queued.body)
        except (OSError, TimeoutError, ValueError):
            return None

    def _headers(self) -> dict[str, str]:
        pair = ":".join(self.credentials).encode()
        return {
            "Content-Type": "application/json",
            "Date": format_datetime(self.clock.now(), usegmt=True),
            "Authorization": f"Basic {base64.b64encode(pair).decode()}",
        }


async def post(url: str, headers: dict[str, str], body: bytes) -> int:
    """The status of one POST over a connection of its own, http only.

    Raises OSError when there is no connection, ValueError when what comes back is no HTTP answer.
    """
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
    try:
        lines = [f"POST {parts.path or '/'} HTTP/1.1", f"Host: {parts.netloc}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""])
        writer.write(head.encode() + body)
        await writer.drain()
        answer = (await reader.readline()).split()
        if len(answer) < 2:
            raise ValueError("the connection was closed without an answer")
        return int(answer[1])
    finally:
        writer.close()
