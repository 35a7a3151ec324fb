"""The queue in Redis (or Valkey) 6.2 and later: Dramatiq's RedisBroker, made to wait without polling and to fail in time.

A consumer waits in `BLMOVE list list LEFT LEFT`, which returns as soon as the list has something and leaves it as it was, so an
idle worker costs nothing and a message is fetched at once. Every key begins with `nsps:` and the instance, for a server may be
shared.
"""

from __future__ import annotations

import threading
from typing import Any

import redis
from dramatiq.brokers.redis import RedisBroker, _RedisConsumer
from dramatiq.errors import ConnectionClosed, DramatiqError
from dramatiq.message import Message
from redis.backoff import NoBackoff
from redis.retry import Retry

from engine.queues.broker_thread import BrokerThread
from engine.queues.dramatiq_queue import QUEUE, DramatiqQueue, Wire

ANSWER_WITHIN_S = 3.0  # a server that does not answer a command by then hangs
WAIT_S = 1  # in Redis at a time, for the next message; a stop waits for its end
IDLE_MS = 1000
ALIVE_FOR_S = 60


def redis_queue(url: str, instance: str) -> DramatiqQueue:
    """The queue of this instance on that server. Raises ValueError for an address that cannot be read."""
    broker = HintBroker(url, namespace_of(instance))
    wire = Wire(
        broker=broker,
        thread=BrokerThread(url, (redis.RedisError, OSError, DramatiqError)),
        depth=broker.depth,
        idle_ms=IDLE_MS,
        close=broker.close,
    )
    return DramatiqQueue(wire)


def namespace_of(instance: str) -> str:
    """What every key of this instance begins with."""
    return f"nsps:{instance}"


def client(url: str, answer_within_s: float = ANSWER_WITHIN_S) -> Any:
    """A client that gives up in time, and that tries once more at once when its idle connection turns out to be gone."""
    again_at_once = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
    return redis.Redis.from_url(
        url, socket_timeout=answer_within_s, socket_connect_timeout=ANSWER_WITHIN_S, retry=again_at_once
    )


class HintBroker(RedisBroker):
    """Dramatiq's broker without delay queues: a delivery that is not due yet waits in the store."""

    def __init__(self, url: str, namespace: str) -> None:
        super().__init__(client=client(url), middleware=[], namespace=namespace)
        self.waiting = client(url, WAIT_S + ANSWER_WITHIN_S)

    @property
    def consumer_class(self) -> type[_RedisConsumer]:
        """The consumer that waits in Redis."""
        return WaitingConsumer

    def declare_queue(self, queue_name: str) -> None:
        """Declares it, and no queue of delayed messages beside it: that would be a second consumer."""
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues.add(queue_name)
            self.emit_after("declare_queue", queue_name)

    def list_of(self, queue_name: str) -> str:
        """The key of the list of message ids."""
        return f"{self.namespace}:{queue_name}"

    def depth(self) -> int:
        """How many messages wait. Writes too, so that a full or read-only server is known before a message is sent."""
        with self.client.pipeline(transaction=False) as both:
            both.set(f"{self.namespace}:alive", 1, ex=ALIVE_FOR_S)
            both.llen(self.list_of(QUEUE))
            _, waiting = both.execute()
        return int(waiting)

    def close(self) -> None:
        """Closes the connections."""
        self.waiting.close()
        self.client.close()


class WaitingConsumer(_RedisConsumer):
    """Waits in Redis for the next message, and speaks of every failure as Dramatiq expects it: then it is begun anew."""

    def __init__(self, broker: HintBroker, queue_name: str, prefetch: int, timeout: int) -> None:
        super().__init__(broker, queue_name, prefetch, timeout)
        self._room = threading.Event()

    def __next__(self) -> Any:
        try:
            if not self.message_cache and not self._something_to_fetch():
                return None
            self.misses = 0  # another worker was quicker: wait in Redis again, not asleep
            return super().__next__()
        except redis.RedisError as error:
            raise ConnectionClosed(error) from None

    def _something_to_fetch(self) -> bool:
        self._room.clear()
        if self.outstanding_message_count >= self.prefetch:
            self._room.wait(WAIT_S)
            return False
        key = self.broker.list_of(self.queue_name)
        return self.broker.waiting.blmove(key, key, WAIT_S, "LEFT", "LEFT") is not None

    def ack(self, message: Any) -> None:
        """Forgets it in Redis. A failure is no reason to stop: at worst somebody is hinted twice."""
        try:
            super().ack(message)
        except (redis.RedisError, ConnectionClosed) as error:
            self.logger.info("could not acknowledge a message: %s", error)
        finally:
            self._room.set()

    def nack(self, message: Any) -> None:
        """A message that cannot be read or handled is forgotten: it was a hint, and nothing takes from a dead-letter queue."""
        self.ack(message)

    def close(self) -> None:
        """Puts back what was fetched and is not begun."""
        fetched, self.message_cache = self.message_cache, []
        self.requeue([Message.decode(data) for data in fetched if data is not None])

    def requeue(self, messages: Any) -> None:
        """Puts back what was fetched and not handed over; what cannot be is found by the sweep."""
        try:
            super().requeue(messages)
        except redis.RedisError as error:
            raise ConnectionClosed(error) from None
