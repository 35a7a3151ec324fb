"""What `nsps doctor` asks a queue's server: does it answer, is it a version that can do it, what does it do when it is full."""

from __future__ import annotations

from typing import Any, Literal

from engine.addresses import without_secrets
from engine.errors import QueueUnreachable, WrongUse
from engine.queues import known_kind
from engine.queues.broker_thread import BrokerThread
from engine.value import value

OLDEST_REDIS = (6, 2)


@value
class Examined:
    """One finding. `must`: to be done before a start."""

    standing: Literal["ok", "note", "must"]
    what: str
    do: str = ""


async def examine(url: str, instance: str) -> list[Examined]:
    """What is found at a queue's address; changes nothing but a key that says this instance is alive."""
    try:
        scheme = known_kind(url)
    except WrongUse as wrong:
        return [Examined(standing="must", what=str(wrong), do="correct NSPS_QUEUE")]
    if scheme == "embedded":
        return [
            Examined(standing="ok", what="the queue is embedded: receiving and delivering in one process, `nsps run`")
        ]
    try:
        return await (_redis(url, instance) if scheme in {"redis", "rediss"} else _rabbitmq(url, instance))
    except ValueError as error:
        what = f"the queue's address cannot be read: {without_secrets(str(error), url)}"
        return [Examined(standing="must", what=what, do="correct NSPS_QUEUE")]
    except QueueUnreachable as error:
        do = (
            "events are taken all the same, and delivered from the store, seconds later; correct NSPS_QUEUE or start it"
        )
        return [Examined(standing="note", what=f"the queue ({scheme}) does not take messages: {error}", do=do)]


async def _redis(url: str, instance: str) -> list[Examined]:
    import redis

    from engine.queues.redis_queue import HintBroker, namespace_of

    broker = HintBroker(url, namespace_of(instance))
    thread = BrokerThread(url, (redis.RedisError, OSError))
    try:
        told: dict[str, Any] = await thread.do(lambda: {**broker.client.info("server"), **broker.client.info("memory")})
        waiting = await thread.do(broker.depth)
    finally:
        await thread.close(broker.close)
    return [_version(told, waiting), *_when_full(told)]


def _version(told: dict[str, Any], waiting: int) -> Examined:
    version = str(told.get("redis_version", "0"))
    name = f"Valkey {told['valkey_version']}" if "valkey_version" in told else f"Redis {version}"
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_REDIS:
        return Examined(standing="must", what=f"the queue is {name}", do="install Redis 6.2 or later, or Valkey")
    return Examined(standing="ok", what=f"the queue is {name} and takes messages; {waiting} wait")


def _when_full(told: dict[str, Any]) -> list[Examined]:
    policy = str(told.get("maxmemory_policy", "noeviction"))
    if not told.get("maxmemory") or policy == "noeviction" or policy.startswith("volatile-"):
        return []
    do = "set maxmemory-policy to noeviction; hints that are dropped are found in the store, up to a minute later"
    return [
        Examined(standing="note", what=f"the queue drops messages when it is full (maxmemory-policy {policy})", do=do)
    ]


async def _rabbitmq(url: str, instance: str) -> list[Examined]:
    from engine.queues.rabbitmq_queue import rabbitmq_queue

    queue = rabbitmq_queue(url, instance)
    try:
        waiting = await queue.depth()
    finally:
        await queue.close()
    return [Examined(standing="ok", what=f"the queue is RabbitMQ and takes messages; {waiting} wait")]
