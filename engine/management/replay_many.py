"""`nsps replay --state …`: all that failed, or that no pipeline took, sent again; the oldest first, as it came.

What was sent again is no longer among those that failed, so whoever is interrupted types the same once more.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import datetime

from engine.catalog import Catalog
from engine.errors import WrongUse
from engine.management.history import unknown_names
from engine.management.replay import Replay, again, refuse_unknown_steps, route_again
from engine.storage.protocol import DeliveryRow, EventFilter, EventRow, History

PAGE = 100

_NOTHING = {
    "failed": "nothing to send again: no such delivery failed, but for those that were sent again already",
    "unrouted": "nothing to route again: no pipeline takes any of those events now",
}

Found = tuple[DeliveryRow, str | None]  # the failed one, and its event's i_event


async def replay_many(
    history: History, catalog: Catalog, wanted: EventFilter, asked: Replay, clock: Callable[[], datetime]
) -> AsyncIterator[str]:
    """Makes the new deliveries; gives a line for each as it is made, and at last how many there were.

    `wanted.state` is `failed` or `unrouted`. Raises WrongUse before anything is sent for a step that is not there.
    """
    if wanted.state == "unrouted":
        lines = _routed(history, catalog, wanted, clock)
    else:
        lines = await _sent(history, catalog, wanted, asked, clock)
    made = told = 0
    async for line in lines:
        told += 1
        made += line.startswith("delivery ")
        yield line
    if told:
        yield (
            f"{made} {'delivery' if made == 1 else 'deliveries'}, the oldest first"
            if made
            else "nothing was sent again"
        )
        return
    yield _NOTHING[wanted.state or "failed"]
    for line in unknown_names(wanted, catalog):
        yield line


async def _sent(
    history: History, catalog: Catalog, wanted: EventFilter, asked: Replay, clock: Callable[[], datetime]
) -> AsyncIterator[str]:
    found = [one async for event in _events(history, wanted) for one in _failed(event, wanted)]
    refuse_unknown_steps(catalog, [row for row, _ in found], asked)
    return _again(history, catalog, found, asked, clock)


async def _again(
    history: History, catalog: Catalog, found: Sequence[Found], asked: Replay, clock: Callable[[], datetime]
) -> AsyncIterator[str]:
    for row, i_event in reversed(found):
        try:
            _refuse_to_wait_for_ever(catalog, row)
            yield await again(history, catalog, row, asked, i_event, clock(), once_only=True)
        except WrongUse as why:  # as when somebody else was quicker, or it went with `keep.finished`
            yield f"left alone: {why}"


def _refuse_to_wait_for_ever(catalog: Catalog, row: DeliveryRow) -> None:
    """What nobody runs would no longer be listed as failed, and never be sent."""
    pipeline = catalog.pipelines.get(row.pipeline)
    if pipeline is None:
        raise WrongUse(f"delivery #{row.id}: there is no pipeline {row.pipeline} in this folder")
    if pipeline.off is not None:
        raise WrongUse(f"delivery #{row.id}: pipeline {row.pipeline} is off: {pipeline.off}")


async def _routed(
    history: History, catalog: Catalog, wanted: EventFilter, clock: Callable[[], datetime]
) -> AsyncIterator[str]:
    ids = [event.id async for event in _events(history, wanted)]
    for event_id in reversed(ids):
        try:
            for line in await route_again(history, catalog, event_id, clock()):
                yield line
        except WrongUse:  # none takes it now either, or somebody else was quicker
            continue


def _failed(event: EventRow, wanted: EventFilter) -> list[Found]:
    return [(row, event.i_event) for row in reversed(event.latest(wanted.pipeline)) if row.state == "failed"]


async def _events(history: History, wanted: EventFilter) -> AsyncIterator[EventRow]:
    """All of them, newest first, a page at a time: their bodies are not held together."""
    page = replace(wanted, limit=PAGE)
    while events := await history.events(page):
        for event in events:
            yield event
        page = replace(page, before=events[-1].id)
