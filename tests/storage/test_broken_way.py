"""The connection to PostgreSQL breaks just when it was answered, and what was said then is what is told."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from engine.clock import VirtualClock
from engine.storage.store import Store
from tests.postgres import Server
from tests.storage.conftest import Place
from tests.storage.pg_proxy import FATAL, Breaking, breaking
from tests.storage.scene import Scene, delivered, routed

pytestmark = pytest.mark.parametrize("place", ["postgresql"], indirect=True)
ENDS = pytest.mark.parametrize("last", [FATAL, b""], ids=["a server that is stopped", "a cut"])


@pytest.fixture
def way(place: Place, postgres: Server) -> AsyncIterator[Breaking]:
    with breaking(postgres.folder) as one:
        yield one


@pytest.fixture
async def there(place: Place, way: Breaking, clock: VirtualClock) -> AsyncIterator[Scene]:
    """A process whose way to the store breaks."""
    store = await Store.open(way.url, project=place.project, clock=clock, instance=place.instance)
    yield Scene(store, clock)
    await store.close()


@ENDS
async def test_what_was_committed_is_told_so(there: Scene, way: Breaking, last: bytes) -> None:
    await there.accept()
    way.after, way.last = "COMMIT", last
    one = await there.accept(routed(there.now))
    assert way.broken == 1 and one.new
    assert len(await there.ids()) == 2
    (claimed,) = await there.claim(*one.delivery_ids)
    way.after = "COMMIT"
    await there.finish(claimed, delivered())
    assert await there.state(one.delivery_ids[0]) == "delivered"
    assert way.broken == 2


@ENDS
async def test_a_claim_that_was_committed_is_known_to_who_claimed(there: Scene, way: Breaking, last: bytes) -> None:
    number = await there.delivery()
    way.after, way.last = "COMMIT", last
    assert [one.delivery_id for one in await there.claim(number)] == [number]
    assert way.broken == 1


@ENDS
async def test_what_breaks_before_the_commit_is_done_again_and_once(there: Scene, way: Breaking, last: bytes) -> None:
    await there.accept()
    way.after, way.last = "BEGIN", last
    assert (await there.accept()).new
    assert way.broken == 1 and len(await there.ids()) == 2
