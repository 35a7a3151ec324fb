"""What a waiting delivery waits for, in words: worked out from rows, holds and the configuration, never stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine.catalog import Catalog
from engine.clock import Clock
from engine.storage.protocol import Control, DeliveryRow
from engine.terminal import instant
from engine.working.holds import Holds


@dataclass(frozen=True, slots=True)
class Waits:
    """What holds deliveries, as this folder's configuration and the store have it at `now`."""

    holds: Holds
    now: datetime

    def words(self, delivery: DeliveryRow) -> str:
        """ "pipeline X is unknown here", "connector hss is paused by ann", "behind #7 until …", "next at …", "due"."""
        held = self.holds.why_not(delivery.pipeline)
        if held is not None:
            return held
        if delivery.behind:
            later = delivery.behind_until is not None and delivery.behind_until > self.now
            return f"behind #{delivery.behind}" + (f" until {instant(delivery.behind_until)}" if later else "")
        if delivery.due_at is not None and delivery.due_at > self.now:
            return f"next at {instant(delivery.due_at)}"
        return f"due since {instant(delivery.due_at)}"

    def by_pipeline(self, counted: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, Any]]:
        """Pipelines whose deliveries wait for more than time: {pipeline: {waiting, why}}."""
        found = {
            name: {"waiting": states["waiting"], "why": self.holds.why_not(name)}
            for name, states in counted.items()
            if states.get("waiting")
        }
        return {name: one for name, one in found.items() if one["why"] is not None}


async def waits_now(store: Control, catalog: Catalog, clock: Clock) -> Waits:
    """What holds deliveries now. Raises StoreUnavailable."""
    holds = Holds(catalog, store, clock)
    await holds.refresh()
    return Waits(holds, clock.now())
