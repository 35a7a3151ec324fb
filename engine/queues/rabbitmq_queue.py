"""The queue in RabbitMQ: Dramatiq's RabbitmqBroker without delay and dead-letter queues, bounded on both sides.

The queue holds at most so many messages and drops the oldest, for a message is a hint and the store knows what is due.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any

import pika
from dramatiq.broker import Consumer
from dramatiq.brokers.rabbitmq import RabbitmqBroker, _RabbitmqConsumer
from dramatiq.errors import ConnectionClosed, DramatiqError
from pika.adapters.utils.connection_workflow import AMQPConnectorException

from engine.queues.broker_thread import BrokerThread
from engine.queues.dramatiq_queue import DramatiqQueue, Wire

ANSWER_WITHIN_S = 3.0
HEARTBEAT_S = 10  # a server that hangs is given up after two
MOST_MESSAGES = 20_000
IDLE_MS = 1000
# The second is no kind of the first: a server that takes a connection and never says who it is.
_AWAY = (pika.exceptions.AMQPError, AMQPConnectorException)


def rabbitmq_queue(url: str, instance: str) -> DramatiqQueue:
    """The queue of this instance on that server. Raises ValueError for an address that cannot be read."""
    # Whoever asks the queue how it is says so, once; the client would write a dozen lines at each attempt to connect.
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    name = queue_name(instance)
    broker = HintBroker(url)
    wire = Wire(
        broker=broker,
        thread=BrokerThread(url, (*_AWAY, OSError, DramatiqError)),
        depth=lambda: broker.depth(name),
        idle_ms=IDLE_MS,
        close=broker.close,
    )
    return DramatiqQueue(wire, name)


def queue_name(instance: str) -> str:
    """The queue of this instance: a server may be shared."""
    return f"nsps.{instance}"


def parameters_of(url: str) -> pika.URLParameters:
    """How the server is reached: one attempt at a time, none of them long. What the URL says itself stays."""
    parameters = pika.URLParameters(url)
    given = set(url.partition("?")[2].replace("&", "=").split("=")[::2])
    for name, value in (
        ("heartbeat", HEARTBEAT_S),
        ("blocked_connection_timeout", ANSWER_WITHIN_S),
        ("socket_timeout", ANSWER_WITHIN_S),
        ("stack_timeout", ANSWER_WITHIN_S),
        ("connection_attempts", 1),
    ):
        if name not in given:
            setattr(parameters, name, value)
    return parameters


class HintBroker(RabbitmqBroker):
    """Dramatiq's broker with one queue per name: a delivery that is not due yet waits in the store, one that failed too."""

    def __init__(self, url: str) -> None:
        super().__init__(parameters=[], middleware=[])
        self.parameters = parameters_of(url)
        self._closed = False

    @property
    def consumer_class(self) -> type[HintConsumer]:
        return HintConsumer

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> Consumer:
        """Raises ConnectionClosed when the server is away, in whatever way, or this broker is closed."""
        try:
            consumer = super().consume(queue_name, prefetch, timeout)
        except AMQPConnectorException as error:
            raise ConnectionClosed(error) from None
        if self._closed:  # it was on its way to a server that took its time
            consumer.close()
            del self.connection
            raise ConnectionClosed("this process is stopping")
        return consumer

    def close(self) -> None:
        """Closes all its connections, and those that are still on their way as soon as they are there."""
        self._closed = True
        # Copies: the consumer's thread may add its own meanwhile.
        for opened in (*self.channels, *self.connections):
            with suppress(Exception):  # whatever its state is
                opened.close()

    def declare_queue(self, queue_name: str, *, ensure: bool = False) -> None:
        """Declares it, and no queue of delayed messages beside it; `ensure`: on the server, too."""
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues.add(queue_name)
            self.queues_pending.add(queue_name)
            self.emit_after("declare_queue", queue_name)
        if ensure:
            self._ensure_queue(queue_name)

    def depth(self, queue_name: str) -> int:
        """How many messages wait. Declares the queue, so that one that was deleted is there again."""
        try:
            return int(self._declare_queue(queue_name).method.message_count)
        except _AWAY:
            del self.connection
            raise

    def _build_queue_arguments(self, _queue_name: str) -> dict[str, Any]:
        return {"x-max-length": MOST_MESSAGES, "x-overflow": "drop-head"}

    def _declare_dq_queue(self, queue_name: str) -> None:
        """No queue of delayed messages."""

    def _declare_xq_queue(self, queue_name: str) -> None:
        """No queue of dead letters."""


class HintConsumer(_RabbitmqConsumer):
    """Dramatiq's consumer, whose connection is closed whatever became of its channel."""

    connection: pika.BlockingConnection | None = None

    def __init__(self, *given: Any) -> None:
        try:
            super().__init__(*given)
        except BaseException:
            self._hang_up()
            raise

    def close(self) -> None:
        """Raises ConnectionClosed, as Dramatiq expects, when it was broken before."""
        try:
            super().close()
        finally:
            self._hang_up()

    def _hang_up(self) -> None:
        if self.connection is not None and self.connection.is_open:
            with suppress(Exception):  # pika's own assertions, too
                self.connection.close()
