"""The worker within a whole process: retries, room, pauses, crashes of single deliveries, lost claims, stops."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from engine.errors import StoreUnavailable
from engine.masking import Masker
from engine.process import Process
from engine.request import Call, Reply
from engine.storage.protocol import Finished, Hold
from engine.storage.store import Store
from engine.working.attempt import Attempts
from engine.working.encoding import MaskedEncoding
from tests.running import until, whole
from tests.target import CONNECTOR, NSPS, target_running


async def test_what_fails_is_tried_again_until_it_is_delivered(tmp_path: Path) -> None:
    async with whole(tmp_path / "project") as running:
        running.target.answers = [503, 500]
        await running.espf(1)
        await running.settled("1", "delivered")
        (delivery,) = (await running.event("1")).deliveries
        assert delivery.attempts == 3
        assert len(set(running.target.keys)) == 1, "every attempt carries the same idempotency key"
        endings = [attempt.ending for attempt in await running.parts.store.attempts(delivery.id)]
        assert endings == ["retry", "retry", "delivered"]


async def test_events_of_one_lane_run_one_after_another_in_order(tmp_path: Path) -> None:
    async with whole(tmp_path / "project") as running:
        running.target.answers = ["hang"]
        await running.espf(1, i_account=5)
        await running.target.came.wait()
        for i_event in (2, 3):
            await running.espf(i_event, i_account=5)
        await running.espf(9, i_account=6)
        await running.settled("9", "delivered")
        assert [request["value"] for request in running.target.requests] == [1, 9]
        running.target.let_go.set()
        await running.settled("3", "delivered")
        assert [request["value"] for request in running.target.requests] == [1, 9, 2, 3]


SLOW = """\
pipeline: slow
events: ["Slow/*"]
map: {key: to_string(data.variables.i_event)}
dispatch: [{call: target.put}]
"""


async def test_a_pipeline_whose_room_is_full_holds_nobody_else(tmp_path: Path) -> None:
    project = tmp_path / "project"
    nsps = NSPS + "in_flight: {total: 6, per_pipeline: 3}\n"
    async with whole(project, nsps):
        (project / "pipelines" / "slow.yaml").write_text(SLOW)
    async with whole(project) as running:
        running.target.answers = ["hang"] * 3
        slow = [{"event_type": "Slow/Down", "variables": {"i_event": 100 + number}} for number in range(8)]
        for event in slow:
            await running.client.post(f"{running.url}/espf", json=event, auth=("second", "pass-word-1"))
        await until(lambda: len(running.target.requests) == 3)
        await running.espf(1)
        await running.settled("1", "delivered")
        assert len(running.target.requests) == 4, "the slow pipeline has no more than its room in flight"
        running.target.let_go.set()
        for number in range(8):
            await running.settled(str(100 + number), "delivered")


async def test_a_paused_pipeline_waits_and_goes_on_when_it_is_resumed(tmp_path: Path) -> None:
    async with whole(tmp_path / "project") as running:
        store = running.parts.store
        now = running.parts.clock.now()
        await store.set_hold(Hold(scope="pipeline:main", kind="paused", by="ann", reason="", at=now))
        await running.parts.holds.refresh()
        assert (await running.espf(1)).status_code == 200, "what is paused is stored all the same"
        assert await running.states("1") == ["waiting"]
        assert running.target.requests == []
        await store.lift("pipeline:main", running.parts.clock.now())
        await running.settled("1", "delivered")


LOGIN = CONNECTOR.replace(
    "timeout: 5s\noperations:\n",
    """timeout: 5s
config: {password: "${secret:TARGET_PASSWORD}"}
auth: {kind: session, login: log_in, apply: {headers: {x-session: "{{ session.id }}"}}}
operations:
  log_in:
    request: {method: POST, path: /login, json: {password: "{{ config.password }}"}}
    verdicts:
      - {when: status == `400`, is: fail, reason: wrong password}
    example: {body: {id: s}}
""",
)


async def test_a_refused_login_holds_the_connector_until_a_process_starts_with_other_settings(tmp_path: Path) -> None:
    project = tmp_path / "project"
    async with target_running() as (target, url):
        target.answers = [400, {"id": "s"}]
        async with whole(project, connector=LOGIN, TARGET_URL=url, TARGET_PASSWORD="wrong-password") as running:
            await running.espf(1)
            await until(lambda: running.parts.holds.why_not("main"))
            await running.espf(2)
            (delivery,) = (await running.event("1")).deliveries
            assert (delivery.state, delivery.attempts) == ("waiting", 0), "waiting for a login uses no attempt"
            assert len(target.requests) == 1, "a refused login is not tried again"
            held = "connector target is held: its login was refused: wrong password"
            assert running.parts.holds.why_not("main") == held
        async with whole(project, TARGET_URL=url, TARGET_PASSWORD="wrong-password") as running:
            assert running.parts.holds.why_not("main") == held, "the same settings do not lift it"
        async with whole(project, TARGET_URL=url, TARGET_PASSWORD="right-password") as running:
            assert await running.parts.store.holds() == []
            await running.settled("1", "delivered")
            await running.settled("2", "delivered")


async def test_a_bug_met_by_one_delivery_ends_that_one_and_the_worker_goes_on(tmp_path: Path) -> None:
    async with whole(tmp_path / "project") as running:
        parts = running.parts
        broken_for = [1]

        async def send(call: Call, /) -> Reply:
            if broken_for:
                raise ZeroDivisionError(f"bug number {broken_for.pop()}")
            return await parts.exchange.send(call)

        attempts = Attempts(
            catalog=parts.catalog, store=parts.store, send=send, encode=MaskedEncoding(Masker()),
            clock=parts.clock, heartbeat=parts.heartbeat,
        )  # fmt: skip
        parts.worker.make = attempts.make
        await running.espf(1)
        await running.settled("1", "failed")
        (delivery,) = (await running.event("1")).deliveries
        assert delivery.reason == "internal error: ZeroDivisionError: bug number 1"
        await running.espf(2)
        await running.settled("2", "delivered")


class FailingStore:
    """A store whose outcomes cannot be written for a while. `after_all`: they are, but the answer is lost."""

    def __init__(self, store: Store, failures: int, after_all: bool = False) -> None:
        self._store = store
        self.failures = failures
        self._after_all = after_all

    async def finish(self, finished: Finished) -> tuple[int, ...]:
        if self.failures:
            self.failures -= 1
            if self._after_all:
                await self._store.finish(finished)
            raise StoreUnavailable("disk full")
        return await self._store.finish(finished)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def failing(parts: Process, *, after_all: bool = False) -> FailingStore:
    """The store to which this process writes outcomes from now on; the first fails."""
    store = FailingStore(parts.store, 1, after_all)
    attempts = Attempts(
        catalog=parts.catalog, store=store, send=parts.exchange.send, encode=MaskedEncoding(Masker()),
        clock=parts.clock, heartbeat=parts.heartbeat,
    )  # fmt: skip
    parts.worker.make = attempts.make
    return store


async def test_an_outcome_the_store_cannot_take_is_kept_until_it_can(tmp_path: Path) -> None:
    async with whole(tmp_path / "project") as running:
        store = failing(running.parts)
        await running.espf(1)
        await running.settled("1", "delivered")
        assert store.failures == 0
        assert len(running.target.requests) == 1


async def test_an_outcome_that_was_stored_though_the_answer_was_lost_is_not_called_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    async with whole(tmp_path / "project") as running:
        failing(running.parts, after_all=True)
        await running.espf(1)
        await running.settled("1", "delivered")
        await until(lambda: not running.parts.worker.running)
        told = capsys.readouterr()
        assert "the store had taken the outcome" in told.out + told.err + caplog.text
        assert "another's" not in told.out + told.err + caplog.text
        assert len(running.target.requests) == 1


async def test_a_process_that_lost_its_heartbeat_starts_nothing_more_and_the_delivery_waits_again(
    tmp_path: Path,
) -> None:
    async with whole(tmp_path / "project") as running:
        parts = running.parts
        began = asyncio.Event()
        go_on = asyncio.Event()

        async def send(call: Call, /) -> Reply:
            began.set()
            await go_on.wait()
            return await parts.exchange.send(call)

        attempts = Attempts(
            catalog=parts.catalog, store=parts.store, send=gap_before(send, parts.heartbeat),
            encode=MaskedEncoding(Masker()), clock=parts.clock, heartbeat=parts.heartbeat,
        )  # fmt: skip
        good, parts.worker.make = parts.worker.make, attempts.make
        await running.espf(1)

        async def given_up() -> bool:
            (delivery,) = (await running.event("1")).deliveries
            return delivery.state == "waiting" and "could not beat" in delivery.reason

        await until(given_up)
        assert running.target.requests == []
        parts.worker.make = good
        await running.settled("1", "delivered")
        (delivery,) = (await running.event("1")).deliveries
        assert delivery.attempts == 1, "a lost claim uses no attempt"


def gap_before(send: Any, heartbeat: Any) -> Any:
    """A Send before which the process was frozen: the fence of the claim is gone when it is asked again."""

    async def frozen(call: Call, /) -> Reply:
        heartbeat.gaps += 1
        heartbeat.fence(heartbeat.gaps - 1)
        raise AssertionError("the fence let it pass")

    return frozen


async def test_a_claim_whose_answer_was_lost_is_given_back_and_delivered(tmp_path: Path) -> None:
    """It is running, of a process that lives: nobody else would ever take it, and its lane would wait."""
    async with whole(tmp_path / "project") as running:
        running.target.answers = ["hang"]
        await running.espf(1, i_account=1)
        await running.target.came.wait()
        store, now = running.parts.store, running.parts.clock.now()
        await store.set_hold(Hold(scope="pipeline:main", kind="paused", by="ann", reason="", at=now))
        await running.parts.holds.refresh()
        await running.espf(2, i_account=2)
        (waiting,) = (await running.event("2")).deliveries
        owner = running.parts.heartbeat.owner.id
        assert await store.claim([waiting.id], owner, ["main"], running.parts.clock.now())
        await store.lift("pipeline:main", running.parts.clock.now())
        assert await running.parts.worker.give_back_strays() == 0, "its answer may be on its way"
        assert await running.parts.worker.give_back_strays(after_s=0) == 1, "nor is it what runs"
        await running.settled("2", "delivered")
        running.target.let_go.set()
        await running.settled("1", "delivered")
        assert [request["value"] for request in running.target.requests] == [1, 2]


async def test_what_is_not_finished_in_time_is_given_back_without_an_attempt(tmp_path: Path) -> None:
    project = tmp_path / "project"
    async with whole(project) as running:
        running.target.answers = ["hang"]
        await running.espf(1)
        await running.target.came.wait()
        await running.parts.stop_claiming()
        assert await running.parts.worker.stop(0.05) == 1
    async with whole(project) as running:
        await running.settled("1", "delivered")
        (delivery,) = (await running.event("1")).deliveries
        assert (delivery.attempts, delivery.suspect) == (1, False)
