"""The least of an AMQP 0-9-1 server, over pika's own codec: enough for what Dramatiq's broker says to RabbitMQ.

It shows that we speak the protocol as the client library does, and how we take a server that is away, hangs or forgets. It is
not RabbitMQ: the tests beside it ask a real one where one is installed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from pika import frame, spec

Method = Any


class AmqpServer:
    """Queues by name. `frozen` answers nothing any more."""

    def __init__(self) -> None:
        self.queues: dict[str, deque[bytes]] = {}
        self.arguments: dict[str, Any] = {}
        self.frozen = False
        self.port = 0
        self._server: asyncio.Server | None = None
        self._sessions: set[_Session] = set()

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    async def start(self) -> None:
        self._server = await asyncio.get_running_loop().create_server(lambda: _Session(self), "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """As a kill: connections break, and what it held is gone."""
        if self._server is not None:
            self._server.close()
        for session in list(self._sessions):
            session.transport.abort()
        self.queues.clear()

    @property
    def connections(self) -> int:
        return len(self._sessions)

    def close_channels(self) -> None:
        """As RabbitMQ does when a queue went away under them: an error of the channel, not of the connection."""
        for session in self._sessions:
            session.close_channels()

    def thaw(self) -> None:
        """Answers what it was sent meanwhile."""
        self.frozen = False
        for session in list(self._sessions):
            session.data_received(b"")

    def feed(self) -> None:
        """Delivers what waits to whoever consumes and has room."""
        for session in self._sessions:
            session.deliver()


class _Session(asyncio.Protocol):
    """One connection."""

    transport: asyncio.Transport

    def __init__(self, server: AmqpServer) -> None:
        self._server = server
        self._data = b""
        self._greeted = False
        self._channels: set[int] = set()
        self._consumers: dict[int, str] = {}
        self._prefetch: dict[int, int] = {}
        self._unacked: dict[int, tuple[int, str, bytes]] = {}
        self._tag = 0
        self._publishing: tuple[int, str, int, bytes] | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._server._sessions.add(self)

    def connection_lost(self, _error: Exception | None) -> None:
        self._server._sessions.discard(self)
        for _, queue, body in self._unacked.values():
            self._server.queues.get(queue, deque()).appendleft(body)
        self._server.feed()

    def data_received(self, data: bytes) -> None:
        self._data += data
        if self._server.frozen:
            return
        if not self._greeted:
            self._greeted, self._data = True, self._data[8:]
            self._say(0, spec.Connection.Start(0, 9, {}, "PLAIN", "en_US"))
        while self._data:
            used, found = frame.decode_frame(self._data)
            if not used:
                return
            self._data = self._data[used:]
            self._heard(found)

    def close_channels(self) -> None:
        for channel in self._channels:
            self._say(channel, spec.Channel.Close(404, "NOT_FOUND - no queue", 60, 20))
        self._channels.clear()
        self._consumers.clear()

    def _say(self, channel: int, method: Method) -> None:
        self.transport.write(frame.Method(channel, method).marshal())

    def _heard(self, found: Any) -> None:
        if isinstance(found, frame.Header):
            self._published(found.channel_number, found.body_size, b"")
        elif isinstance(found, frame.Body):
            self._published(found.channel_number, 0, found.fragment)
        elif isinstance(found, frame.Method):
            handle = getattr(self, "_" + found.method.NAME.replace(".", "_").lower(), None)
            if handle is not None:
                handle(found.channel_number, found.method)

    def _connection_startok(self, _channel: int, _method: Method) -> None:
        self._say(0, spec.Connection.Tune(2047, 131072, 60))

    def _connection_open(self, _channel: int, _method: Method) -> None:
        self._say(0, spec.Connection.OpenOk())

    def _connection_close(self, _channel: int, _method: Method) -> None:
        self._say(0, spec.Connection.CloseOk())

    def _channel_open(self, channel: int, _method: Method) -> None:
        self._channels.add(channel)
        self._say(channel, spec.Channel.OpenOk())

    def _channel_close(self, channel: int, _method: Method) -> None:
        self._channels.discard(channel)
        self._consumers.pop(channel, None)
        self._say(channel, spec.Channel.CloseOk())

    def _basic_qos(self, channel: int, method: Method) -> None:
        self._prefetch[channel] = method.prefetch_count
        self._say(channel, spec.Basic.QosOk())

    def _queue_declare(self, channel: int, method: Method) -> None:
        queue = self._server.queues.setdefault(method.queue, deque())
        self._server.arguments[method.queue] = method.arguments
        self._say(channel, spec.Queue.DeclareOk(method.queue, len(queue), 0))

    def _basic_consume(self, channel: int, method: Method) -> None:
        self._consumers[channel] = method.queue
        self._say(channel, spec.Basic.ConsumeOk(method.consumer_tag))
        self._consumer_tag = method.consumer_tag
        self.deliver()

    def _basic_cancel(self, channel: int, method: Method) -> None:
        self._consumers.pop(channel, None)
        self._say(channel, spec.Basic.CancelOk(method.consumer_tag))

    def _basic_ack(self, _channel: int, method: Method) -> None:
        self._unacked.pop(method.delivery_tag, None)
        self.deliver()

    def _basic_nack(self, _channel: int, method: Method) -> None:
        self._unacked.pop(method.delivery_tag, None)
        self.deliver()

    def _basic_publish(self, channel: int, method: Method) -> None:
        self._publishing = (channel, method.routing_key, -1, b"")

    def _published(self, _channel: int, size: int, fragment: bytes) -> None:
        assert self._publishing is not None
        channel, queue, wanted, body = self._publishing
        wanted, body = (size, b"") if wanted < 0 else (wanted, body + fragment)
        self._publishing = (channel, queue, wanted, body)
        if len(body) == wanted and channel in self._channels:
            self._server.queues.setdefault(queue, deque()).append(body)
            self._server.feed()

    def deliver(self) -> None:
        """What waits, as far as the consumer has room."""
        for channel, queue in self._consumers.items():
            waiting = self._server.queues.get(queue, deque())
            while waiting and len(self._unacked) < self._prefetch.get(channel, 1):
                self._tag += 1
                body = waiting.popleft()
                self._unacked[self._tag] = (channel, queue, body)
                self._say(channel, spec.Basic.Deliver(self._consumer_tag, self._tag, False, "", queue))
                self.transport.write(frame.Header(channel, len(body), spec.BasicProperties()).marshal())
                self.transport.write(frame.Body(channel, body).marshal())
