"""`nsps replay` sends again what failed, and nothing else unless it is named."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.clock import SystemClock
from engine.storage.protocol import Owner
from tests.keyboard import Keyboard, at_a_store, past, sim, store_of, taken
from tests.target import CONNECTOR, PIPELINE, write_project

REFUSES = {"target.put": [{"status": 400, "body": {"error": "bad key"}}]}
DOWN = {"target.put": [{"status": 503}]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_project(tmp_path / "project")


@pytest.fixture
def nsps(folder: Path, capsys: pytest.CaptureFixture[str]) -> Keyboard:
    return at_a_store(folder, capsys)


def deliveries(nsps: Keyboard, event: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(nsps("show", event, "--format", "json").out)["deliveries"]
    return found


def test_a_failed_delivery_becomes_a_new_one_that_waits_in_its_lane(folder: Path, nsps: Keyboard) -> None:
    (seen,) = past(folder, [sim(100)], REFUSES)
    said = nsps("replay", "100")
    assert (said.code, said.err) == (0, "")
    old, new = deliveries(nsps, "100")
    assert said.out == f"delivery #{new['id']} to main: sends event {seen.event_id} again (was #{old['id']}, failed)\n"
    assert (new["state"], new["lane"], new["replay_of"], new["attempts"]) == ("waiting", old["lane"], old["id"], 0)


def test_nothing_failed_is_said_with_how_to_send_it_all_the_same(folder: Path, nsps: Keyboard) -> None:
    past(folder, [sim(100)])
    said = nsps("replay", "100")
    (only,) = deliveries(nsps, "100")
    assert said.code == 2
    assert f"nothing failed here: #{only['id']} to main is delivered" in said.err
    assert f"nsps replay {only['id']}" in said.err


def test_a_delivery_is_sent_again_however_it_ended_when_it_is_named(folder: Path, nsps: Keyboard) -> None:
    past(folder, [sim(100)])
    (only,) = deliveries(nsps, "100")
    assert nsps("replay", f"#{only['id']}").code == 0
    assert [row["state"] for row in deliveries(nsps, "100")] == ["delivered", "waiting"]


def test_what_is_still_at_work_is_not_sent_twice(folder: Path, nsps: Keyboard) -> None:
    past(folder, [sim(100)], DOWN)
    (only,) = deliveries(nsps, "100")
    for asked in (f"#{only['id']}", "100"):
        said = nsps("replay", asked)
        assert said.code == 2 and "is waiting" in said.err
    assert len(deliveries(nsps, "100")) == 1


def test_what_was_sent_again_and_waits_is_not_sent_a_third_time(folder: Path, nsps: Keyboard) -> None:
    past(folder, [sim(100)], REFUSES)
    assert nsps("replay", "100").code == 0
    assert nsps("replay", "100").code == 2
    assert len(deliveries(nsps, "100")) == 2


def test_a_number_with_two_meanings_sends_nothing_and_says_how_to_choose(folder: Path, nsps: Keyboard) -> None:
    past(folder, [sim(100)], REFUSES)
    (failed,) = deliveries(nsps, "100")
    taken(folder, sim(failed["id"]))
    said = nsps("replay", str(failed["id"]))
    assert said.code == 2 and f"nsps replay '#{failed['id']}' for the delivery" in said.err
    assert nsps("replay", f"#{failed['id']}").code == 0


def test_an_unrouted_event_is_routed_again_once_a_pipeline_takes_it(folder: Path, nsps: Keyboard) -> None:
    event = taken(folder, sim(100, "Account/New"))
    said = nsps("replay", "100")
    assert said.code == 2
    assert f"no pipeline takes event {event} (Account/New) now either; nsps why {event} says why" in said.err
    pipeline = folder / "pipelines/main.yaml"
    pipeline.write_text(pipeline.read_text().replace('["SIM/*"]', '["SIM/*", "Account/*"]'))
    said = nsps("replay", "100")
    assert (said.code, said.err) == (0, "") and "to main" in said.out
    assert [row["state"] for row in deliveries(nsps, "100")] == ["waiting"]


def test_only_the_pipeline_that_is_named_is_sent_again(folder: Path, nsps: Keyboard) -> None:
    second = PIPELINE.replace("pipeline: main", "pipeline: second")
    (folder / "pipelines/second.yaml").write_text(second)
    past(folder, [sim(100)], REFUSES)
    assert nsps("replay", "100", "--pipeline", "second").code == 2  # it waits still
    assert nsps("replay", "100", "--pipeline", "main").code == 0
    assert [row["pipeline"] for row in deliveries(nsps, "100") if row["replay_of"]] == ["main"]
    said = nsps("replay", "100", "--pipeline", "third")
    assert said.code == 2 and "has no delivery to pipeline 'third'; it has main, second" in said.err


def test_an_unknown_event_is_said(nsps: Keyboard) -> None:
    said = nsps("replay", "4711")
    assert (said.code, said.err) == (2, "nsps: no event or delivery '4711' here; nsps events lists what is\n")


def test_a_replay_reads_what_is_true_after_it_was_asked_for(folder: Path, nsps: Keyboard) -> None:
    """A person who mended the data and sends again within a cache's life must not get what was cached before."""
    past(folder, [sim(100)], REFUSES)
    asked_at = datetime.now(UTC)
    nsps("replay", "100")
    new = deliveries(nsps, "100")[-1]["id"]

    async def claimed() -> datetime | None:
        async with store_of(folder) as store:
            now = SystemClock().now()
            await store.beat(Owner(id="me", host="", pid=1, started_at=now, config_hash=""), now)
            (one,) = await store.claim([new], "me", ["main"], now)
            return one.previous_ended_at

    not_before = asyncio.run(claimed())
    assert not_before is not None and not_before >= asked_at


ONCE = PIPELINE.replace("  - call: target.put\n", "  - {id: welcome, call: target.put, once: vars.key}\n")


@pytest.mark.parametrize(("option", "noted"), [("--resend", "resend"), ("--assume-done", "assume_done")])
def test_a_once_step_of_unknown_outcome_is_decided_by_a_person(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, noted: str
) -> None:
    folder = write_project(tmp_path / "once", pipeline=ONCE)
    nsps = Keyboard(folder, capsys)
    past(folder, [sim(100)], {"target.put": [{"error": "timeout"}]})
    said = nsps("show", "100").out
    assert "failed" in said and "--resend welcome" in said and "--assume-done welcome" in said
    assert nsps("replay", "100", option, "welcome").code == 0
    new = deliveries(nsps, "100")[-1]["id"]

    async def work() -> tuple[str, ...]:
        async with store_of(folder) as store:
            now = SystemClock().now()
            await store.beat(Owner(id="me", host="", pid=1, started_at=now, config_hash=""), now)
            (one,) = await store.claim([new], "me", ["main"], now)
            found: tuple[str, ...] = getattr(one, noted)
            return tuple(found)

    assert asyncio.run(work()) == ("welcome",)


def test_a_step_is_either_sent_again_or_assumed_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_project(tmp_path / "once", pipeline=ONCE)
    nsps = Keyboard(folder, capsys)
    past(folder, [sim(100)], {"target.put": [{"error": "timeout"}]})
    said = nsps("replay", "100", "--resend", "welcome", "--assume-done", "welcome")
    assert said.code == 2 and "choose --resend or --assume-done" in said.err


def test_a_step_that_is_not_there_is_refused_before_anything_is_sent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_project(tmp_path / "once", pipeline=ONCE, connector=CONNECTOR)
    nsps = Keyboard(folder, capsys)
    past(folder, [sim(100)], {"target.put": [{"error": "timeout"}]})
    said = nsps("replay", "100", "--resend", "welcom")
    assert said.code == 2 and "did you mean welcome" in said.err
    assert len(deliveries(nsps, "100")) == 1
