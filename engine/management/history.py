"""`nsps events` and `nsps show`: what came in and what became of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from engine.catalog import Catalog
from engine.loading.espf_events import KNOWN
from engine.loading.suggest import nearest
from engine.management.waits import Waits
from engine.storage.protocol import AttemptRow, DeliveryRow, EventFilter, EventRow, History
from engine.story import tell
from engine.terminal import faint, instant, state, strong, table
from engine.trace import decode


async def event_list(history: History, wanted: EventFilter) -> list[EventRow]:
    """One page of events, newest first."""
    return await history.events(wanted)


def list_lines(rows: list[EventRow], wanted: EventFilter, waits: Waits) -> list[str]:
    """The page as a table, one line a delivery, and how to see the next page."""
    if not rows:
        return ["no events" + (" match" if wanted != EventFilter(limit=wanted.limit) else " yet")]
    cells = [cell for row in rows for cell in _event_cells(row, waits)]
    lines = table(("RECEIVED", "EVENT", "TYPE", "I_EVENT", "PIPELINE", "STATE"), cells)
    if len(rows) == wanted.limit:
        lines.append(faint(f"more: add --before {rows[-1].id}"))
    return lines


def unknown_names(wanted: EventFilter, catalog: Catalog) -> Iterator[str]:
    """A line for each name asked for that nothing bears today: why a search found nothing."""
    pipelines = catalog.pipelines
    if wanted.pipeline is not None and wanted.pipeline not in pipelines:
        near = nearest(wanted.pipeline, pipelines)
        hint = f"did you mean {near}?" if near else f"there are {', '.join(sorted(pipelines)) or 'none'}"
        yield f"  no pipeline {wanted.pipeline!r} in this project; {hint}"
    types = KNOWN | {one for pipeline in pipelines.values() for one in pipeline.events}
    if wanted.event_type is not None and wanted.event_type not in types:
        near = nearest(wanted.event_type.strip(), types)
        hint = f"; did you mean {near}? Types are compared letter by letter" if near else ""
        yield f"  ESPF is not known to send {wanted.event_type!r}{hint}"


def _event_cells(row: EventRow, waits: Waits) -> Iterator[tuple[str, ...]]:
    head = (instant(row.received_at), row.id, row.event_type, row.i_event or "-")
    if not row.deliveries:
        yield (*head, "-", state("unrouted"))
    for delivery in row.deliveries:
        yield (*head, delivery.pipeline, standing(delivery, waits))


def standing(delivery: DeliveryRow, waits: Waits) -> str:
    """Where a delivery stands, in words: its state, attempts, what it waits for, why it ended so."""
    word = "retrying" if delivery.state == "waiting" and delivery.attempts else delivery.state
    tries = f" after {delivery.attempts} attempt{'s' * (delivery.attempts != 1)}" if delivery.attempts else ""
    parts = [state(word) + tries]
    if delivery.state == "waiting":
        parts.append(waits.words(delivery))
    if delivery.superseded_by:
        parts.append(f"by #{delivery.superseded_by}")
    if delivery.reason and delivery.state != "delivered" and delivery.reason not in parts:
        parts.append(delivery.reason)
    return ", ".join(parts)


async def event_story(history: History, event: EventRow, waits: Waits) -> dict[str, Any]:
    """An event with its deliveries and their attempts, as JSON values: what `nsps show --format json` prints."""
    deliveries = []
    for row in event.deliveries:
        attempts = [_attempt(attempt) for attempt in await history.attempts(row.id)]
        deliveries.append({**delivery_json(row, waits), "attempts_made": attempts})
    return {**as_json(event), "deliveries": deliveries}


def event_json(event: EventRow, waits: Waits) -> dict[str, Any]:
    """An event with its deliveries as JSON values: what `nsps events --format json` prints."""
    return {**as_json(event), "deliveries": [delivery_json(row, waits) for row in event.deliveries]}


def delivery_json(row: DeliveryRow, waits: Waits) -> dict[str, Any]:
    """A delivery as JSON values; `waits_for` says in words what a waiting one waits for."""
    return {**as_json(row), "waits_for": waits.words(row) if row.state == "waiting" else None}


def _attempt(row: AttemptRow) -> dict[str, Any]:
    return {**as_json(row), "trace": decode(row.trace) if row.trace else {}}


def as_json(row: Any) -> dict[str, Any]:
    """A row as JSON values: instants as ISO 8601, bytes as text."""
    found: dict[str, Any] = {}
    for name in row.__dataclass_fields__:
        value = getattr(row, name)
        if isinstance(value, datetime):
            value = value.isoformat()
        elif isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        found[name] = value
    return found


def story_lines(event: EventRow, told: Mapping[str, Any], waits: Waits, *, full: bool) -> Iterator[str]:
    """The event's story for people: header, then each delivery with its attempts."""
    yield f"{strong('event')} {event.id}  {event.event_type}"
    ids = f"i_env {event.i_env or '-'}, i_event {event.i_event or '-'}"
    yield f"  received {instant(event.received_at)} from {event.source}, {ids}"
    yield f"  trace {event.trace_id}"
    if event.repeats:
        yield f"  repeated {event.repeats} time{'s' * (event.repeats != 1)} by its sender; recognised, delivered once"
    if event.same_id_as:
        yield f"  {state('retry', 'warning')}: event {event.same_id_as} had the same id but other content; both were taken"
    if full:
        yield from (f"    {line}" for line in event.body.decode("utf-8", "replace").splitlines())
    if not event.deliveries:
        yield f"  {state('unrouted')}: no pipeline took it"
        yield f"  to see why: nsps why {event.id}; to route it again: nsps replay {event.id}"
    again = {other.replay_of: other.id for other in event.deliveries if other.replay_of}
    for row, delivery in zip(event.deliveries, told["deliveries"], strict=True):
        yield ""
        yield f"{strong('delivery')} #{row.id} to {strong(row.pipeline)}: {standing(row, waits)}"
        yield from _delivery_facts(row, delivery["lane"], again.get(row.id))
        for attempt in delivery["attempts_made"]:
            word = state(attempt["ending"])
            reason = f": {attempt['reason']}" if attempt["reason"] else ""
            at = attempt["started_at"][:19].replace("T", " ")
            yield f" attempt {attempt['number']} at {at}Z: {word}{reason}"
            if attempt["config_hash"]:  # one that was killed says of itself nothing
                yield faint(f"  configuration {attempt['config_hash'][:12]}")
            yield from tell(attempt["trace"], full=full)


def _delivery_facts(row: DeliveryRow, lane: str | None, sent_again_as: int | None) -> Iterator[str]:
    if lane:
        yield faint(f"  lane {lane} ({row.mode})")
    if row.replay_of:
        yield faint(f"  replay of #{row.replay_of}")
    if row.suspect and row.state in ("waiting", "running"):
        yield "  it was in flight at a crash: it runs alone in its process"
    if sent_again_as:
        yield faint(f"  sent again as #{sent_again_as}")
    elif row.state == "failed":
        yield f"  to send it again: nsps replay {row.id}"
