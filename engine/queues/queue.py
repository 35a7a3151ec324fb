"""What the engine asks of a queue, and what a queue asks of the worker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Sink(Protocol):
    """Takes the ids that come out: the worker of this process."""

    def offer(self, pipeline: str, ids: Sequence[int]) -> None:
        """Holds ids to be claimed. Called on the loop."""


class MessageQueue(Protocol):
    """Where hints go: ids of deliveries, never payloads. What it loses, the sweep finds in the store."""

    async def start(self, sink: Sink | None) -> None:
        """Begins to hand what comes to `sink`, on this loop; None: this process only sends."""

    async def send(self, pipeline: str, ids: Sequence[int], /) -> None:
        """Hands over one message. Raises QueueUnreachable, within bounded time."""

    async def depth(self) -> int:
        """How many messages wait in it. Raises QueueUnreachable, also when it would not take a message now."""

    async def stop(self) -> None:
        """Hands nothing over any more and puts back what it had fetched, within seconds. It can still send."""

    async def close(self) -> None:
        """Sends nothing any more."""
