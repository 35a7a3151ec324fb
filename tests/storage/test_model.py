"""The store against a model of it, over accepts, repeats, claims, endings, crashes and replays in any order."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from engine.clock import VirtualClock
from engine.errors import ClaimLost
from engine.storage.protocol import Claimed
from engine.storage.store import Store
from tests.postgres import Server, new_instance
from tests.storage.conftest import NOON
from tests.storage.scene import Scene, delivered, event, failed, retry, routed, wait

T = TypeVar("T")
LANES = st.sampled_from([None, "a", "b"])
MODES = st.sampled_from(["strict", "latest"])
SECONDS = st.integers(0, 20)


@dataclass
class Expected:
    """A delivery as it should be."""

    lane: str | None
    mode: str
    position: tuple[int, int]
    state: str = "waiting"
    due_at: int = 0
    attempts: int = 0
    suspect: bool = False


class StoreMachine(RuleBasedStateMachine):
    claims = Bundle("claims")

    @initialize()
    def open(self) -> None:
        self.runner = asyncio.Runner()
        self.clock = VirtualClock(NOON)
        self.scene = Scene(self.run(self.opened()), self.clock)
        self.run(self.scene.beat())
        self.known: dict[int, Expected] = {}
        self.seconds = 0
        self.keys: list[str] = []
        self.fences: dict[int, int] = {}

    async def opened(self) -> Store:
        return await Store.open("sqlite://", project=Path(), clock=self.clock)

    def run(self, job: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(job)

    def teardown(self) -> None:
        if hasattr(self, "scene"):
            self.run(self.scene.store.close())
            self.runner.close()

    def in_lane(self, lane: str | None, state: str) -> list[tuple[int, Expected]]:
        here = [(number, one) for number, one in self.known.items() if one.lane == lane and one.state == state]
        return sorted(here, key=lambda pair: pair[1].position)

    @rule(lane=LANES, mode=MODES, at=SECONDS)
    def accept(self, lane: str | None, mode: str, at: int) -> None:
        route = routed(NOON, lane, mode, at)
        key = f"model {len(self.keys)}"
        (number,) = self.run(self.scene.accept(route, key=key, of=event(self.scene.now, len(self.keys)))).delivery_ids
        self.keys.append(key)
        self.known[number] = Expected(lane, mode, (at, number), due_at=self.seconds)

    @rule(chosen=st.integers(0, 50))
    def repeat(self, chosen: int) -> None:
        if self.keys:
            answer = self.run(self.scene.accept(routed(NOON), key=self.keys[chosen % len(self.keys)]))
            assert not answer.new and answer.delivery_ids == ()

    @rule(target=claims, alone=st.booleans())
    def claim_all(self, alone: bool) -> Any:
        found = self.run(self.scene.claim(*self.known, alone=alone))
        for claimed in found:
            self.check_turn(claimed, alone)
        for claimed in found:
            self.known[claimed.delivery_id].state = "running"
            self.fences[claimed.delivery_id] = claimed.fence
            self.supersede(self.known[claimed.delivery_id])
        startable = [one for number, one in self.known.items() if self.startable(number, one, alone)]
        assert not startable, "what may start was claimed"
        return multiple(*found)

    def check_turn(self, claimed: Claimed, alone: bool) -> None:
        mine = self.known[claimed.delivery_id]
        assert (mine.state, mine.attempts, mine.suspect) == ("waiting", claimed.attempts, claimed.suspect)
        assert mine.due_at <= self.seconds
        assert alone or not claimed.suspect
        if mine.lane is None:
            return
        assert not self.in_lane(mine.lane, "running")
        waiting = self.in_lane(mine.lane, "waiting")
        assert not [one for _, one in waiting if one.mode == "strict" and one.position < mine.position]
        if mine.mode == "latest":
            assert not [one for _, one in waiting if one.mode == "latest" and one.position > mine.position]

    def supersede(self, claimed: Expected) -> None:
        if claimed.mode == "latest" and claimed.lane is not None:
            for _, one in self.in_lane(claimed.lane, "waiting"):
                if one.mode == "latest" and one.position < claimed.position:
                    one.state = "superseded"

    def startable(self, number: int, one: Expected, alone: bool) -> bool:
        if one.state != "waiting" or one.due_at > self.seconds or (one.suspect and not alone):
            return False
        if one.lane is None:
            return True
        waiting = self.in_lane(one.lane, "waiting")
        only = len(waiting) == 1 and waiting[0][0] == number
        return only and not self.in_lane(one.lane, "running")

    @rule(claimed=consumes(claims), kind=st.sampled_from(["delivered", "failed", "retry", "wait"]), delay=SECONDS)
    def finish(self, claimed: Claimed, kind: str, delay: int) -> None:
        due_at = self.scene.now + timedelta(seconds=delay)
        outcomes = {"delivered": delivered(), "failed": failed(), "retry": retry(due_at), "wait": wait(due_at)}
        mine = self.known[claimed.delivery_id]
        try:
            released = self.run(self.scene.finish(claimed, outcomes[kind]))
        except ClaimLost:
            assert self.fences[claimed.delivery_id] != claimed.fence or mine.state != "running"
            return
        assert self.fences[claimed.delivery_id] == claimed.fence and mine.state == "running"
        mine.state = kind if kind in {"delivered", "failed"} else "waiting"
        mine.due_at = self.seconds + delay
        mine.attempts += kind != "wait"
        mine.suspect = False
        assert all(self.known[number].state == "waiting" for number in released)

    @rule()
    def give_back(self) -> None:
        running = [one for one in self.known.values() if one.state == "running"]
        assert self.run(self.scene.store.give_back(self.scene.owner, self.scene.now)) == len(running)
        for one in running:
            one.state, one.due_at = "waiting", self.seconds

    @rule()
    def crash(self) -> None:
        """This process dies; a sweep elsewhere releases what it held; it starts again under another name."""
        self.advance(11)
        for look in self.run(self.scene.store.look(self.scene.now, 500)):
            if look.stalled:
                state = self.run(self.scene.store.release_stalled(look, self.scene.now))
                mine = self.known[look.delivery_id]
                assert mine.state == "running" and state in {"waiting", "failed"}
                mine.state, mine.due_at, mine.suspect = state, self.seconds + 5 * mine.suspect, True
        assert not [one for one in self.known.values() if one.state == "running"]
        self.scene.owner = f"process at {self.seconds}"
        self.run(self.scene.beat())

    @rule(seconds=st.integers(1, 30))
    def advance(self, seconds: int) -> None:
        self.seconds += seconds
        self.scene.later(seconds)

    @rule(seconds=st.integers(1, 30))
    def live_on(self, seconds: int) -> None:
        self.advance(seconds)
        self.run(self.scene.beat())

    @rule(chosen=st.integers(0, 50))
    def replay(self, chosen: int) -> None:
        ended = [number for number, one in self.known.items() if one.state == "failed"]
        if ended:
            old = ended[chosen % len(ended)]
            one = self.known[old]
            route = routed(NOON, one.lane, one.mode, self.seconds)
            number = self.run(self.scene.store.replay(old, route, self.scene.now, [], []))
            assert number not in self.known
            self.known[number] = Expected(one.lane, one.mode, (self.seconds, number), due_at=self.seconds)

    @invariant()
    def nothing_is_lost_and_no_lane_runs_twice(self) -> None:
        if not hasattr(self, "scene"):
            return
        for lane in ("a", "b"):
            assert len(self.in_lane(lane, "running")) <= 1
        told = self.run(self.scene.store.counts())["deliveries"].get("wtl", {})
        states = [one.state for one in self.known.values()]
        assert {state: number for state, number in told.items() if number} == {
            state: states.count(state) for state in set(states)
        }


StoreMachine.TestCase.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestTheStoreDoesWhatTheModelDoes = StoreMachine.TestCase


def test_the_server_does_what_the_model_does(postgres: Server) -> None:
    """Fewer and shorter, for a server is slower; the machine is the same."""

    class OnServer(StoreMachine):
        async def opened(self) -> Store:
            return await Store.open(postgres.url, project=Path(), clock=self.clock, instance=new_instance())

    few = settings(
        max_examples=8, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
    )
    run_state_machine_as_test(OnServer, settings=few)  # type: ignore[no-untyped-call]
