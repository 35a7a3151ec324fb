"""The whole delivery, in any order of what can happen to it, against what must always hold.

Real store, worker, sweep, journey and exchange, several processes' worth, on a virtual clock; the external system is played.
`NSPS_THOROUGH=300` tries so many orders, other ones each time, instead of the same thirty.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections import Counter, defaultdict
from collections.abc import Coroutine
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from engine.catalog import Catalog
from engine.errors import WrongUse
from engine.event import Event
from engine.management.audit import audit
from engine.management.replay import Replay, replay
from engine.storage.protocol import Hold
from tests.model.fleet import CONNECTOR, Fleet, Host, event, load, pipeline
from tests.model.world import World

T = TypeVar("T")
PIPELINES = {
    "strict": pipeline("strict", "*/*", "strict"),
    "latest": pipeline("latest", "Both/*", "latest"),
    "plain": pipeline("plain", "Plain/*"),
}
ENDED = {"delivered", "skipped", "superseded", "failed"}
ANSWERS = st.lists(st.sampled_from([200, 503, 429, 400, "timeout", "lost", "connect"]), max_size=5)
# Kind, subscriber and how many seconds before its receipt it happened: what comes in one burst crosses on its way.
BURST = st.lists(
    st.tuples(st.sampled_from(["Strict/A", "Both/A", "Plain/A"]), st.integers(1, 2), st.integers(0, 3)),
    min_size=1,
    max_size=5,
)


def catalogs() -> list[Catalog]:
    """All of it; a pipeline less; another connector."""
    folder = Path(tempfile.mkdtemp())
    without = {name: text for name, text in PIPELINES.items() if name != "plain"}
    other = CONNECTOR.replace("operations:", "timeout: 6s\noperations:", 1)
    return [
        load(folder / "all", PIPELINES),
        load(folder / "less", without),
        load(folder / "other", PIPELINES, other),
    ]


CATALOGS = catalogs()


class DeliveryMachine(RuleBasedStateMachine):
    """Everything that can happen, one after another."""

    @initialize(hosts=st.integers(1, 3), burst=BURST, answers=ANSWERS)
    def begin(self, hosts: int, burst: list[tuple[str, int, int]], answers: list[Any]) -> None:
        self.runner = asyncio.Runner()
        self.fleet = self.run(Fleet.open(CATALOGS[0], hosts))
        self.world = World(self.fleet)
        self.fleet.answers = self.world.answer
        self.replays: Counter[tuple[str, str]] = Counter()
        self.paused: set[str] = set()
        self.receive(burst, answers)

    def run(self, job: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(job)

    def teardown(self) -> None:
        if not hasattr(self, "fleet"):
            return
        try:
            self.run(self.heal())
            self.everything_ended()
        finally:
            self.run(self.fleet.close())
            self.runner.close()

    # --- what happens -------------------------------------------------------------------------------------------------

    @rule(burst=BURST, answers=ANSWERS)
    def receive(self, burst: list[tuple[str, int, int]], answers: list[Any]) -> None:
        self.world.answers = answers
        self.run(self.arrive(burst))
        self.run(self.fleet.idle())

    async def arrive(self, burst: list[tuple[str, int, int]]) -> None:
        """All at once, so that they wait for each other before the first is claimed."""
        at = self.fleet.clock.now()
        made = [self.made(kind, account, at - timedelta(seconds=ago)) for kind, account, ago in burst]
        accepted = await asyncio.gather(*(self.fleet.receive(one) for one in made))
        assert all(one.new for one in accepted)

    def made(self, kind: str, account: int, happened_at: datetime) -> Event:
        number = len(self.world.accepted) + 1
        said = happened_at.strftime("%Y-%m-%d %H:%M:%S")
        one = event(number, kind, account, self.fleet.clock.now(), event_time=said)
        self.world.accepted[number] = one
        return one

    @rule(chosen=st.integers(0, 50))
    def duplicate(self, chosen: int) -> None:
        if self.world.accepted:
            number = 1 + chosen % len(self.world.accepted)
            accepted = self.run(self.taken(self.world.accepted[number]))
            assert not accepted.new and accepted.delivery_ids == ()

    async def taken(self, one: Event) -> Any:
        accepted = await self.fleet.receive(one)
        await self.fleet.idle()
        return accepted

    @rule(seconds=st.sampled_from([1, 6, 12, 30, 70, 600]), burst=BURST, answers=ANSWERS)
    def time_passes(self, seconds: int, burst: list[tuple[str, int, int]], answers: list[Any]) -> None:
        """What came just before meets what is due again."""
        self.world.answers = answers
        self.run(self.arrive(burst[1:]))
        self.run(self.fleet.later(seconds))

    @rule(seconds=st.sampled_from([-20, -3, 3600]))
    def the_clock_steps(self, seconds: int) -> None:
        self.run(self.fleet.later(seconds))

    @rule(burst=BURST, how=st.sampled_from(["before", "after"]))
    def crash_in_flight(self, burst: list[tuple[str, int, int]], how: str) -> None:
        """A process is killed while its request is out, before or after the system took it."""
        self.run(self.hang_and_kill(burst, how))

    async def hang_and_kill(self, burst: list[tuple[str, int, int]], how: str) -> None:
        self.world.hanging, self.world.answers = how, []
        await self.arrive(burst)
        await self.fleet.idle()
        self.world.hanging = ""
        for victim in [host for host in self.fleet.hosts if host.worker.running]:
            await self.replace(victim)

    @rule(chosen=st.integers(0, 2))
    def crash(self, chosen: int) -> None:
        self.run(self.replace(self.fleet.hosts[chosen % len(self.fleet.hosts)]))

    async def replace(self, victim: Host) -> None:
        self.fleet.hosts.remove(victim)
        await victim.kill()
        fresh = await self.fleet.add()
        fresh.use(self.fleet.catalog)

    @rule(scope=st.sampled_from(["all", "pipeline:strict", "pipeline:latest", "connector:target"]))
    def pause(self, scope: str) -> None:
        hold = Hold(scope=scope, kind="paused", by="ann", reason="", at=self.fleet.clock.now())
        self.run(self.fleet.store.set_hold(hold))
        self.paused.add(scope)
        self.run(self.fleet.look())

    @rule()
    def resume(self) -> None:
        self.run(self.resume_all())

    async def resume_all(self) -> None:
        for scope in sorted(self.paused):
            assert await self.fleet.store.lift(scope, self.fleet.clock.now())
        self.paused.clear()
        await self.fleet.look()

    @rule(chosen=st.integers(0, 50))
    def replay(self, chosen: int) -> None:
        if not self.world.accepted:
            return
        rows = self.world.rows()
        failed = sorted({int(row.i_event) for row in rows if row.state == "failed"}) or sorted(self.world.accepted)
        number = str(failed[chosen % len(failed)])
        latest = {row.pipeline: row for row in rows if row.i_event == number}
        asked = Replay(what=self.world.accepted[int(number)].id)
        try:
            self.run(replay(self.fleet.store, self.fleet.catalog, asked, self.fleet.clock.now()))
        except WrongUse:
            assert not any(row.state == "failed" for row in latest.values())
            return
        self.replays.update((row.pipeline, number) for row in latest.values() if row.state == "failed")

    @rule(which=st.sampled_from(CATALOGS))
    def reload(self, which: Catalog) -> None:
        self.run(self.take(which))

    async def take(self, catalog: Catalog) -> None:
        known = set(self.fleet.catalog.pipelines)
        self.fleet.catalog = catalog
        for host in self.fleet.hosts:
            host.use(catalog)
        await self.fleet.store.wake(sorted(set(catalog.pipelines) - known), self.fleet.clock.now())
        await self.fleet.look()

    # --- what must hold -----------------------------------------------------------------------------------------------

    @invariant()
    def nothing_is_lost_and_all_is_accounted_for(self) -> None:
        """I1 and I4."""
        if not hasattr(self, "world"):
            return
        assert not self.world.told, self.world.told
        effects = {(sent.pipeline, str(sent.i_event)) for sent in self.world.effects}
        made = defaultdict(list)
        for row in self.world.rows():
            assert row.state in ENDED | {"waiting", "running"}
            made[row.i_event].append(row)
            if row.state == "delivered":
                assert (row.pipeline, row.i_event) in effects, "delivered without an effect"
        for number, one in self.world.accepted.items():
            if not one.event_type.startswith("Plain"):
                assert made[str(number)], "an event that was accepted is gone"
        assert not self.run(audit(self.fleet.store)).gaps

    @invariant()
    def repeats_come_of_what_the_world_did_and_carry_the_same_key(self) -> None:
        """I3: an effect twice only where a reply was lost or a process killed; another key only for a replay."""
        if not hasattr(self, "world"):
            return
        for key, times in Counter(sent.idempotency_key for sent in self.world.effects).items():
            assert times <= 1 + self.world.excused[key], f"{key} took effect {times} times"
        keys = defaultdict(set)
        for sent in self.world.effects:
            keys[sent.pipeline, str(sent.i_event)].add(sent.idempotency_key)
        for of, found in keys.items():
            assert len(found) <= 1 + self.replays[of], f"{of} was sent under {len(found)} keys"

    @invariant()
    def a_lane_runs_one_and_names_what_superseded(self) -> None:
        """I5, beside what is looked at whenever a request leaves."""
        if not hasattr(self, "world"):
            return
        rows = self.world.rows()
        by_id = {row.id: row for row in rows}
        running = Counter(row.lane for row in rows if row.state == "running" and row.lane)
        assert all(number == 1 for number in running.values())
        for row in rows:
            if row.state == "superseded":
                newer = by_id[row.superseded_by or 0]
                assert (newer.lane, row.mode) == (row.lane, "latest")
                assert newer.position > row.position

    async def heal(self) -> None:
        """All is well again: whatever waits must end."""
        self.world.answers = []
        await self.resume_all()
        await self.take(CATALOGS[0])
        for _ in range(20):
            await self.fleet.later(30)
            if all(row.state in ENDED for row in self.world.rows()):
                return

    def everything_ended(self) -> None:
        rows = self.world.rows()
        assert not [row for row in rows if row.state not in ENDED], rows
        self.nothing_is_lost_and_all_is_accounted_for()
        self.repeats_come_of_what_the_world_did_and_carry_the_same_key()
        self.a_lane_runs_one_and_names_what_superseded()
        lanes = {row.lane: row for row in sorted(rows, key=lambda row: row.position) if row.mode == "latest"}
        assert all(row.state in ("delivered", "failed") for row in lanes.values()), "the newest of a lane is sent"


_THOROUGH = int(os.environ.get("NSPS_THOROUGH") or 0)
DeliveryMachine.TestCase.settings = settings(
    max_examples=_THOROUGH or 30,
    stateful_step_count=40 if _THOROUGH else 20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=not _THOROUGH,
)
TestWhateverHappens = DeliveryMachine.TestCase
