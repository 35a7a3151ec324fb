"""http: one request out, one whole and bounded reply back."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from pyreqwest.client import Client
from pyreqwest.exceptions import RequestError
from pyreqwest.request import StreamRequest
from pyreqwest.response import Response

from engine.clock import Clock
from engine.connector import Connector, ReplyKind
from engine.errors import OursFailed
from engine.reading import read
from engine.request import Fault, HttpRequest, Reply
from engine.transports.http_client import ClientUnusable, build_client
from engine.transports.http_faults import fault_of
from engine.transports.http_message import body_of, describe, headers_of, url_of

_READ_AHEAD_BYTES = 0  # the head is seen as soon as it is there, and survives a body that breaks
_KEPT_OF_BROKEN = 4096  # enough for a person to see what it is; all of a large one, masked and kept, would cost 0.1 s


class HttpTransport:
    """HTTP/1.1, connections reused, redirects left to the verdicts.

    Its client never repeats a request that was written to a connection; one that a pooled connection could not take at all
    goes out on a new one.
    """

    def __init__(self, connector: Connector, clock: Clock, project: Path = Path()) -> None:
        self._connector = connector
        self._clock = clock
        self._project = project
        self._client: Client | None = None

    def describe(self, request: HttpRequest) -> dict[str, Any]:
        """The request as it leaves; raises OursFailed when it cannot be built."""
        return describe(self._connector.base_url, request)

    async def exchange(self, request: HttpRequest, reads: ReplyKind, deadline_s: float, /) -> Reply:
        """The reply, whole, within `deadline_s` in total; a fault is a Reply too. Raises OursFailed for a bad request."""
        asked_at, begun_s = self._clock.now(), time.perf_counter()
        seen = await self._ask(request, deadline_s)
        if seen.fault is not None:
            del seen.content[_KEPT_OF_BROKEN:]
        reading = read(bytes(seen.content), reads, seen.headers.get("content-type", ""))
        fault, detail = seen.fault, seen.detail
        if fault is None and reading.problem:
            fault, detail = "unreadable", reading.problem
        if fault is None and "location" in seen.headers and 300 <= (seen.status or 0) < 400:
            detail = f"it points to {seen.headers['location']}; redirects are never followed"
        return Reply(
            status=seen.status,
            headers=seen.headers,
            body=None if fault else reading.body,
            text=reading.text,
            error=fault,
            detail=detail,
            asked_at=asked_at,
            took_s=time.perf_counter() - begun_s,
        )

    async def _ask(self, request: HttpRequest, deadline_s: float) -> _Seen:
        seen, url = _Seen(), url_of(self._connector.base_url, request)
        try:
            async with self._built(request, url, deadline_s) as response:
                await self._take(response, seen)
        except RequestError as error:
            seen.fault, seen.detail = fault_of(error, url, deadline_s)
        except ClientUnusable as error:
            seen.fault, seen.detail = "connect", str(error)
        return seen

    def _built(self, request: HttpRequest, url: str, deadline_s: float) -> StreamRequest:
        client, body = self._connected(), body_of(request)
        try:
            building = client.request(request.method, url).headers(headers_of(request))
            if body is not None:
                building = building.body_bytes(body)
            building = building.timeout(timedelta(seconds=deadline_s)).streamed_read_buffer_limit(_READ_AHEAD_BYTES)
            return building.build_streamed()
        except ValueError as error:  # not http(s), no host, a header that is none
            raise OursFailed(f"{request.method} {url} is no request that can be sent: {error}") from error

    def _connected(self) -> Client:
        if self._client is None:
            self._client = build_client(self._connector, self._project)
        return self._client

    async def _take(self, response: Response, seen: _Seen) -> None:
        seen.status, seen.headers = response.status, _headers(response)
        limit, length = self._connector.max_reply_bytes, _announced(seen.headers)
        if length is None or length <= limit:
            while (chunk := await response.body_reader.read_chunk()) is not None:
                seen.content += chunk
                if len(seen.content) == length:
                    return  # whole as announced: asking for more would only cost a turn of the loop
                if len(seen.content) > limit:
                    break
            else:
                return
        seen.fault, seen.detail = "unreadable", f"the body is larger than {limit} bytes (max_reply); read no further"

    async def close(self) -> None:
        """Closes idle connections; calls under way end as `lost`."""
        if self._client is not None:
            await self._client.close()


@dataclass(slots=True)
class _Seen:
    """What has come so far: a break in the middle keeps what was there."""

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytearray = field(default_factory=bytearray)
    fault: Fault | None = None
    detail: str = ""


def _announced(headers: Mapping[str, str]) -> int | None:
    """How many bytes the sender says the body has; None where it does not say, and of one that is packed."""
    length = headers.get("content-length", "")
    return int(length) if length.isdecimal() and len(length) < 20 else None


def _headers(response: Response) -> dict[str, str]:
    """Lower-case names. Repeated ones joined by ", " (RFC 9110 §5.3); `set-cookie`, which must not be, by line breaks."""
    try:
        pairs = list(response.headers.items())
    except ValueError:  # a value that is not ASCII makes pyreqwest refuse the whole list
        pairs = _readable(response)
    found: dict[str, str] = {}
    for name, value in pairs:
        joint = "\n" if name == "set-cookie" else ", "
        found[name] = f"{found[name]}{joint}{value}" if name in found else value
    return found


def _readable(response: Response) -> list[tuple[str, str]]:
    pairs = []
    for name in dict.fromkeys(response.headers.keys()):
        try:
            pairs += [(name, value) for value in response.get_header_all(name)]
        except ValueError:  # left out: no charset is defined for it (RFC 9110 §5.5)
            continue
    return pairs
