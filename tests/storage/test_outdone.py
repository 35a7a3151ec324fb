"""A `latest` lane whose older event another process looks at in the moment the newer one is claimed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest

from engine.storage.postgresql import schema_of
from tests.storage.conftest import Place
from tests.storage.scene import Scene, delivered, failed, retry

pytestmark = pytest.mark.parametrize("place", ["postgresql"], indirect=True)


@contextmanager
def looked_at(place: Place, delivery_id: int) -> Iterator[None]:
    """Another process's claim holds the row: it asked for it, and may not start it."""
    with psycopg.connect(place.url) as other:
        other.execute(f'SET search_path = "{schema_of(place.instance)}"')
        other.execute("SELECT id FROM deliveries WHERE id = %s FOR UPDATE", (delivery_id,))
        yield
        other.rollback()


async def test_it_never_runs_after_the_newer_one(place: Place, scene: Scene) -> None:
    older = await scene.delivery("a", "latest", at=1)
    newer = await scene.delivery("a", "latest", at=2)
    with looked_at(place, older):
        claimed = await scene.claimed(newer)
    assert await scene.state(older) == "waiting"
    assert await scene.finish(claimed, delivered(), outdone=claimed.outdone) == ()
    assert await scene.claim(older) == []
    row = await scene.store.event(f"#{older}")
    assert row is not None
    assert (row.deliveries[0].state, row.deliveries[0].superseded_by) == ("superseded", newer)


async def test_nor_after_one_that_failed(place: Place, scene: Scene) -> None:
    older = await scene.delivery("a", "latest", at=1)
    newer = await scene.delivery("a", "latest", at=2)
    with looked_at(place, older):
        claimed = await scene.claimed(newer)
    await scene.finish(claimed, failed(), outdone=claimed.outdone)
    assert await scene.state(older) == "superseded"


async def test_it_waits_behind_a_newer_one_that_is_tried_again(place: Place, scene: Scene) -> None:
    older = await scene.delivery("a", "latest", at=1)
    newer = await scene.delivery("a", "latest", at=2)
    with looked_at(place, older):
        claimed = await scene.claimed(newer)
    await scene.finish(claimed, retry(scene.now + timedelta(seconds=5)), outdone=claimed.outdone)
    assert await scene.claim(older) == []
    scene.later(6)
    assert (await scene.claimed(newer)).outdone == ()
    assert await scene.state(older) == "superseded"


async def test_others_of_the_lane_that_nobody_looks_at_end_at_once(place: Place, scene: Scene) -> None:
    held, free, newer = [await scene.delivery("a", "latest", at=at) for at in (1, 2, 3)]
    with looked_at(place, held):
        claimed = await scene.claimed(newer)
        assert await scene.state(free) == "superseded"
    assert claimed.outdone == (held,)


async def test_one_that_came_after_the_claim_has_its_turn(place: Place, scene: Scene) -> None:
    claimed = await scene.claimed(await scene.delivery("a", "latest", at=2))
    older = await scene.delivery("a", "latest", at=1)
    assert await scene.finish(claimed, delivered(), outdone=claimed.outdone) == (older,)
    assert await scene.claim(older)
