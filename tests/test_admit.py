from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.admit import admit_body
from engine.catalog import Catalog
from engine.clock import VirtualClock
from engine.errors import EventRefused
from engine.event import EventSource
from engine.loading.load import open_project
from engine.storage.protocol import EventFilter, Refusal
from engine.storage.store import Store
from tests.target import SECRETS, write_project

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open("sqlite://", project=tmp_path, clock=VirtualClock(NOW))
    yield store
    await store.close()


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return open_project(write_project(tmp_path / "project"), {**SECRETS, "TARGET_URL": "http://127.0.0.1:1"})


async def refused(store: Store, body: bytes, source: EventSource = "espf") -> Refusal:
    refusal = Refusal(at=NOW, source=source, status=401, reason="wrong credentials", sender="h", headers={}, body=body)
    await store.refuse(refusal)
    (kept,) = await store.refusals(1)
    return kept


@pytest.mark.parametrize(
    ("source", "body"),
    [
        ("espf", b'{"event_type":"SIM/Updated","variables":{"i_event":7,"i_account":5}}'),
        ("nsps", b'{"event_id":"e1","data":{"event_type":"SIM/Updated","variables":{"i_account":5}}}'),
    ],
)
async def test_a_refused_body_becomes_an_event_that_waits_for_its_delivery(
    store: Store, catalog: Catalog, source: EventSource, body: bytes
) -> None:
    accepted = await admit_body(store, catalog, await refused(store, body, source), NOW)
    (event,) = await store.events(EventFilter())
    assert (event.id, event.source, [one.state for one in event.deliveries]) == (accepted.event_id, source, ["waiting"])
    (kept,) = await store.refusals(1)
    assert kept.admitted_as == accepted.event_id


async def test_one_that_came_in_meanwhile_is_known_as_its_repeat(store: Store, catalog: Catalog) -> None:
    body = b'{"event_type":"SIM/Updated","variables":{"i_event":7}}'
    first = await admit_body(store, catalog, await refused(store, body), NOW)
    again = await admit_body(store, catalog, await refused(store, body), NOW)
    assert (again.new, again.event_id) == (False, first.event_id)


async def test_what_is_no_event_stays_refused(store: Store, catalog: Catalog) -> None:
    refusal: Any = await refused(store, b"not json")
    with pytest.raises(EventRefused):
        await admit_body(store, catalog, refusal, NOW)
    assert await store.events(EventFilter()) == []
