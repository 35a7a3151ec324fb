"""Which texts of an event commands must not show: what its pipelines hand to arguments declared `secret: true`, or once did.

A folder may have lost the pipeline that took the event. The store keeps the configurations that processes ran with.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from engine.arguments import texts_of
from engine.catalog import Catalog
from engine.envelope import envelope
from engine.event import Event
from engine.management.snapshots import catalog_of
from engine.route import takes_type
from engine.secret_arguments import hands_over_secrets, secret_sources, secret_texts
from engine.secret_fields import held_in_secret_fields
from engine.storage.protocol import EventRow
from engine.storage.store import Store

# So many of the configurations kept before an event came: a folder may have gone back to one that was kept long before.
_LOOKED_AT = 3
# Shorter ones are masked only where they are a whole value, and there they would hide numbers that are none.
_TELLING = 4
_DECLARED = re.compile(r"secret[\"']?\s*:\s")  # and not `${secret:NAME}`


async def secrets_of_events(store: Store, now: Sequence[Catalog], rows: Sequence[EventRow]) -> set[str]:
    """Texts to mask in what is told of these events; `now`: the configurations there are. Raises StoreUnavailable."""
    catalogs = [*now, *await _earlier(store, now, rows)]
    stored = await store.stored_events([row.id for row in rows])
    return {text for row in rows if row.id in stored for text in _of_event(row, stored[row.id], catalogs)}


def _of_event(row: EventRow, event: Event, catalogs: Sequence[Catalog]) -> Iterator[str]:
    yield from (text for text in texts_of(held_in_secret_fields(event.data)) if len(text) >= _TELLING)
    delivered_to = {delivery.pipeline for delivery in row.deliveries}
    told = envelope(event, "", event.facts, None)
    for catalog in catalogs:
        # An earlier configuration was loaded without its environment: what this folder has of that comes first.
        scope = {**told, "config": {**catalog.settings.config, **catalogs[0].settings.config}}
        for pipeline in catalog.pipelines.values():
            if pipeline.name in delivered_to or takes_type(pipeline, event.event_type):  # whatever its `when` says
                yield from secret_texts(pipeline, catalog, scope)
                yield from secret_sources(pipeline, catalog, scope)


async def _earlier(store: Store, now: Sequence[Catalog], rows: Sequence[EventRow]) -> list[Catalog]:
    """The configurations that attempts of these events ran with, and those that may have routed them; not those of now."""
    kept = await store.configurations()
    hashes = await store.configurations_of([delivery.id for row in rows for delivery in row.deliveries])
    for row in rows:
        before = [config_hash for config_hash, at in kept if at <= row.received_at]
        hashes |= set(before[:_LOOKED_AT])
    files = [await store.snapshot_of(config_hash) for config_hash in sorted(hashes - {one.hash for one in now})]
    loaded = (catalog_of(one, {}) for one in files if one and any(_DECLARED.search(text) for text in one.values()))
    return [one for one in loaded if one is not None and hands_over_secrets(one)]
