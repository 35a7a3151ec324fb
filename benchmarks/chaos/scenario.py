"""A scenario as a value: what it is called, what it does, on which systems it runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from benchmarks.chaos.stage import Stage
from benchmarks.chaos.verdict import Found

Where = Literal["embedded", "split", "amqp"]
EVERYWHERE: tuple[Where, ...] = ("embedded", "split", "amqp")
ON_QUEUES: tuple[Where, ...] = ("split", "amqp")


class NotHere(Exception):
    """This machine lacks what a scenario needs: it was not played, which is not to say it passed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """`does` is a sentence of the published table. `files` are laid over the project. `quick`: part of `make test`."""

    id: str
    does: str
    run: Callable[[Stage], Awaitable[Found]]
    on: tuple[Where, ...] = ("embedded", "split")
    files: Mapping[str, str] = field(default_factory=dict)
    quick: bool = False
