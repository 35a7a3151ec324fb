"""An event as it was taken in, and the NSPS envelope pipelines see of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Any, Literal

from engine.value import value

EventSource = Literal["espf", "nsps"]


@value
class Event:
    """One accepted event. `data` is the sender's `{event_type, variables}` untouched.

    `id` is a UUID as text: ours for ESPF, the sender's `event_id` in the NSPS role. `facts` is the `pb_data` an envelope
    brought with it, None for an ESPF event: then it is enriched. `as_posted`: `body`, read as JSON, gives `data` and `facts`
    without more ado; False where nobody knows.
    """

    id: str
    source: EventSource
    received_at: datetime
    event_type: str
    data: Mapping[str, Any]
    body: bytes = field(repr=False)
    i_env: str | None = None
    i_event: str | None = None
    trace_id: str = ""
    facts: Mapping[str, Any] | None = None
    created_at: str | None = None  # as an envelope brought it; None: received_at
    as_posted: bool = field(default=False, repr=False, compare=False)

    @property
    def variables(self) -> Mapping[str, Any]:
        """The event's variables, `{}` when it has none."""
        found = self.data.get("variables")
        return found if found.__class__ is dict or isinstance(found, Mapping) else {}
