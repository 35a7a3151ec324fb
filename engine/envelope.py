"""The NSPS envelope of an event (domain.md 4.3): what expressions of a pipeline and of enrichments see."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from engine.event import Event

STATUS = "queued"  # what NSPS says at delivery time (domain.md 4.9); never to be used for logic


def iso(instant: datetime) -> str:
    """ISO 8601 with microseconds and `+00:00`, as NSPS writes instants."""
    utc = instant if instant.tzinfo is UTC else instant.astimezone(UTC)
    if utc.microsecond == 0:  # orjson leaves none out but these
        return utc.isoformat(timespec="microseconds")
    return orjson.dumps(utc)[1:-1].decode()  # a third of the time


def envelope(
    event: Event, pipeline: str, pb_data: Mapping[str, Any] | None, updated_at: datetime | None
) -> dict[str, Any]:
    """The whole envelope, fields in their documented order. `data` is the sender's, untouched."""
    return {
        "event_id": event.id,
        "data": event.data,
        "pb_data": pb_data,
        "handler_id": pipeline,
        "created_at": event.created_at or iso(event.received_at),
        "updated_at": iso(updated_at) if updated_at else None,
        "status": STATUS,
    }


def routing_scope(event: Event, config: Mapping[str, Any], pipeline: str | None = None) -> dict[str, Any]:
    """What `when` and `order` of a pipeline see: the envelope as it is before anything was asked, and `config`."""
    return {
        "event_id": event.id,
        "data": event.data,
        "handler_id": pipeline,
        "created_at": event.created_at or iso(event.received_at),
        "config": config,
    }
