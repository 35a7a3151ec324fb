"""The sweep finds whatever was forgotten, and only that; the store, clock and time are real or virtual, never patched."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.catalog import Catalog
from engine.clock import VirtualClock
from engine.delivery import Routed
from engine.event import Event
from engine.owner import this_process
from engine.pipeline import Pipeline
from engine.settings import Settings
from engine.storage.protocol import Arrival, EventFilter, Hold
from engine.storage.store import Store
from engine.sweep import Sweep
from engine.working.holds import Holds

START = datetime(2026, 1, 1, tzinfo=UTC)


class Swept:
    """A store, its sweep, and what the sweep handed on."""

    def __init__(self, store: Store, clock: VirtualClock, pipelines: Sequence[str]) -> None:
        self.store = store
        self.clock = clock
        self.put: list[tuple[str, list[int]]] = []
        self.alone: list[int] = []
        self.full: list[str] = []
        catalog = Catalog(
            project=Path(),
            settings=Settings(instance="t"),
            connectors={},
            pipelines={name: Pipeline(name=name, events=("A/*",)) for name in pipelines},
        )
        self.sweep = Sweep(
            store=store,
            clock=clock,
            holds=Holds(catalog, store, clock),
            put=lambda pipeline, ids: self.put.append((pipeline, list(ids))),
            alone=self.alone.append,
            full=lambda: self.full,
        )
        self._number = 0

    async def arrive(self, pipeline: str = "p", **more: object) -> int:
        self._number += 1
        now = self.clock.now()
        event = Event(
            id=f"e{self._number}",
            source="espf",
            received_at=now,
            event_type="A/B",
            data={"event_type": "A/B"},
            body=b"{}",
        )
        routed = [Routed(pipeline=pipeline, position_time=now)]
        accepted = await self.store.accept(Arrival(event=event, routed=routed, key=None, **more))  # type: ignore[arg-type]
        return accepted.delivery_ids[0] if accepted.delivery_ids else accepted.standing[0].delivery_id

    async def after(self, seconds: float) -> int:
        self.clock.move_to(self.clock.now() + timedelta(seconds=seconds))
        return await self.sweep.look()


@asynccontextmanager
async def swept(*pipelines: str) -> AsyncIterator[Swept]:
    clock = VirtualClock(START)
    store = await Store.open("sqlite://", project=Path(), clock=clock)
    yield Swept(store, clock, pipelines or ("p",))
    await store.close()


async def test_what_was_stored_and_never_enqueued_is_found_after_five_seconds_and_ever_less_often() -> None:
    async with swept() as one:
        delivery = await one.arrive()
        await one.after(4.9)
        assert one.put == []
        await one.after(0.2)
        assert one.put == [("p", [delivery])]
        await one.after(4)
        assert len(one.put) == 1
        await one.after(1.1)
        await one.after(5)
        assert len(one.put) == 2, "the look after next comes later: a backlog is not multiplied"


async def test_pipelines_that_are_held_or_unknown_here_are_not_enqueued() -> None:
    async with swept("p", "q") as one:
        await one.store.set_hold(Hold(scope="pipeline:q", kind="paused", by="ann", reason="", at=START))
        for pipeline in ("p", "q", "of another version"):
            await one.arrive(pipeline)
        await one.after(6)
        assert [pipeline for pipeline, _ in one.put] == ["p"]


async def test_a_pipeline_this_process_has_enough_of_keeps_its_look_and_delays_no_other() -> None:
    async with swept("p", "q") as one:
        delivery, other = await one.arrive("p"), await one.arrive("q")
        one.full = ["p"]
        await one.after(6)
        assert one.put == [("q", [other])]
        one.full = []
        await one.after(0)
        assert one.put[1:] == [("p", [delivery])]


async def test_a_delivery_whose_process_died_is_a_suspect_and_runs_alone() -> None:
    async with swept() as one:
        delivery = await one.arrive()
        owner = this_process(START, "h")
        await one.store.beat(owner, one.clock.now())
        assert await one.store.claim([delivery], owner.id, ["p"], one.clock.now())
        await one.after(9)
        assert one.alone == []
        await one.after(12)
        assert (one.alone, one.put) == ([delivery], [])
        (event,) = await one.store.events(EventFilter())
        assert (event.deliveries[0].state, event.deliveries[0].suspect) == ("waiting", True)
        attempts = await one.store.attempts(delivery)
        assert "outcome unknown" in attempts[0].reason


async def test_a_processed_delivery_whose_receiver_is_gone_fails_and_blocks_nobody() -> None:
    async with swept() as one:
        look_at = START + timedelta(seconds=55)
        await one.arrive(policy_off=True, hinted=False, look_at=look_at)
        await one.after(50)
        (event,) = await one.store.events(EventFilter())
        assert event.deliveries[0].state == "waiting"
        await one.after(6)
        (event,) = await one.store.events(EventFilter())
        assert event.deliveries[0].state == "failed"
        assert "interrupted" in event.deliveries[0].reason
        assert one.put == []


async def test_what_a_pause_kept_comes_back_in_the_order_it_came_and_twice_as_much_each_second() -> None:
    async with swept() as world:
        await world.store.set_hold(Hold(scope="pipeline:p", kind="paused", by="ann", reason="", at=world.clock.now()))
        ids = [await world.arrive(hinted=False) for _ in range(40)]
        for _ in range(5):
            await world.after(30)
        assert world.put == []
        await world.store.lift("pipeline:p", world.clock.now())
        portions = []
        for _ in range(5):
            await world.after(1)
            portions.append([number for _, put in world.put for number in put])
            world.put.clear()
        assert [len(portion) for portion in portions] == [1, 2, 4, 8, 16]
        assert [number for portion in portions for number in portion] == ids[:31]


async def test_what_comes_back_after_a_pause_delays_no_other_pipeline_and_nothing_that_stalled() -> None:
    async with swept("p", "q") as world:
        await world.store.set_hold(Hold(scope="pipeline:p", kind="paused", by="ann", reason="", at=world.clock.now()))
        paused = [await world.arrive(hinted=False) for _ in range(40)]
        stalled = await world.arrive("q", hinted=False)
        await world.store.claim([stalled], "gone", ["q"], world.clock.now())
        await world.after(9)
        await world.store.lift("pipeline:p", world.clock.now())
        others = [await world.arrive("q", hinted=False) for _ in range(40)]
        await world.after(1)
        assert world.put == [("q", others), ("p", paused[:1])]
        assert world.alone == [stalled]


async def test_what_comes_back_comes_once_a_second_however_often_the_sweep_looks() -> None:
    async with swept("p") as world:
        await world.store.set_hold(Hold(scope="pipeline:p", kind="paused", by="ann", reason="", at=world.clock.now()))
        paused = [await world.arrive(hinted=False) for _ in range(40)]
        await world.after(1)
        await world.store.lift("pipeline:p", world.clock.now())
        for _ in range(3):  # as it does while another pipeline has a backlog
            await world.sweep.look()
        assert world.put == [("p", paused[:1])]
        await world.after(1)
        await world.sweep.look()
        assert world.put == [("p", paused[:1]), ("p", paused[1:3])]


async def test_what_a_pause_keeps_delays_no_other_pipeline() -> None:
    async with swept("p", "q") as world:
        await world.store.set_hold(Hold(scope="pipeline:p", kind="paused", by="ann", reason="", at=world.clock.now()))
        for _ in range(1200):
            await world.arrive(hinted=False)
        other = await world.arrive("q", hinted=False)
        await world.after(1)
        assert world.put == [("q", [other])]
