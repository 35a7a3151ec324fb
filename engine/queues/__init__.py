"""One module per kind of queue, and a literal table of them by the scheme of `queue:` in nsps.yaml."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from engine.errors import WrongUse
from engine.queues.embedded import embedded_queue
from engine.queues.queue import MessageQueue

Open = Callable[[str, str], MessageQueue]


def _redis(url: str, instance: str) -> MessageQueue:
    from engine.queues.redis_queue import redis_queue  # a process loads the client of its own queue only

    return redis_queue(url, instance)


def _rabbitmq(url: str, instance: str) -> MessageQueue:
    from engine.queues.rabbitmq_queue import rabbitmq_queue

    return rabbitmq_queue(url, instance)


QUEUES: Mapping[str, Open] = {
    "embedded": embedded_queue,
    "redis": _redis,
    "rediss": _redis,
    "amqp": _rabbitmq,
    "amqps": _rabbitmq,
}


def open_queue(url: str, instance: str) -> MessageQueue:
    """The queue that `url` names, not yet started; it connects when it is used.

    Raises WrongUse, saying what to write, when there is none of that kind or the address cannot be read.
    """
    scheme = url.partition(":")[0]
    if scheme not in QUEUES:
        raise WrongUse(
            f"queue: {scheme!r} is no queue this version knows; write embedded, redis://HOST:6379/0 or amqp://HOST"
        )
    try:
        return QUEUES[scheme](url, instance)
    except ValueError as error:
        raise WrongUse(f"queue: its address ({scheme}://…) cannot be read: {error}") from error
