"""Where on the journey a call stands."""

from __future__ import annotations

from typing import Any

from engine.delivery import CallTrace
from engine.value import value


@value
class Leg:
    """`path` is `upsert/created`. `more`: further calls may follow in this delivery. `repeated`: it is one of several items.

    `calls` collects what is sent on it. `cache_s` above zero only on an enrichment's.
    """

    path: str
    calls: list[CallTrace]
    more: bool = False
    repeated: bool = False
    item: Any = None
    index: int | None = None
    cache_s: float = 0.0
