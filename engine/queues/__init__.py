"""One module per kind of queue, and a literal table of them by the scheme of `queue:` in nsps.yaml."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from engine.addresses import kind_of, meant, without_secrets
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
    scheme = known_kind(url)
    try:
        return QUEUES[scheme](url, instance)
    except ValueError as error:
        raise WrongUse(
            f"queue: its address ({scheme}://…) cannot be read: {without_secrets(str(error), url)}"
        ) from error


def known_kind(url: str) -> str:
    """The scheme of the address, one of QUEUES. Raises WrongUse, saying what to write, for any other."""
    scheme = kind_of(url)
    if scheme not in QUEUES:
        named = repr(scheme) if scheme else "what stands there"
        raise WrongUse(
            f"queue: {named} is no queue this version knows{meant(scheme, QUEUES)}; write embedded, redis://HOST:6379/0 or amqp://HOST"
        )
    return scheme
