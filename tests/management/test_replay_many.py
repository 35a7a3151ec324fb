"""`nsps replay --state …` sends all that failed again, once, the oldest first; and routes what no pipeline took."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.keyboard import ROOT, Keyboard, at_a_store, past, sim, taken
from tests.target import PIPELINE, SECRETS, write_project

REFUSES = {"target.put": [{"status": 400, "body": {"error": "bad key"}}]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_project(tmp_path / "project")


@pytest.fixture
def nsps(folder: Path, capsys: pytest.CaptureFixture[str]) -> Keyboard:
    return at_a_store(folder, capsys)


def listed(nsps: Keyboard, *options: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(nsps("events", *options, "--format", "json").out)
    return found


def waiting(nsps: Keyboard) -> list[int]:
    """The i_events of what waits to be sent, in the order in which it is sent."""
    rows = [(row, event["i_event"]) for event in listed(nsps) for row in event["deliveries"]]
    return [int(i_event) for row, i_event in sorted(rows, key=lambda one: one[0]["id"]) if row["state"] == "waiting"]


def test_all_that_failed_is_sent_again_in_the_order_in_which_it_came(folder: Path, nsps: Keyboard) -> None:
    past(folder, [sim(102), sim(101)], REFUSES)
    past(folder, [sim(103)])
    said = nsps("replay", "--state", "failed")
    assert (said.code, said.err) == (0, "")
    assert said.out.endswith("2 deliveries, the oldest first\n")
    assert waiting(nsps) == [102, 101]


def test_what_was_sent_again_is_not_sent_a_third_time(folder: Path, nsps: Keyboard) -> None:
    past(folder, [sim(100)], REFUSES)
    assert nsps("replay", "--state", "failed").out.endswith("1 delivery, the oldest first\n")
    said = nsps("replay", "--state", "failed")
    assert said.code == 0 and said.out.startswith("nothing to send again")
    assert waiting(nsps) == [100]


def test_more_than_a_page_is_sent(folder: Path, nsps: Keyboard, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = list(range(100, 107))
    past(folder, [sim(number) for number in numbers], REFUSES)
    monkeypatch.setattr("engine.management.replay_many.PAGE", 2)
    assert nsps("replay", "--state", "failed").out.endswith("7 deliveries, the oldest first\n")
    assert waiting(nsps) == numbers


def test_it_is_narrowed_as_events_are(folder: Path, nsps: Keyboard) -> None:
    past(folder, [sim(100), sim(101, "SIM/Replaced")], REFUSES)
    assert "nothing to send again" in nsps("replay", "--state", "failed", "--since", "2999-01-01T00:00:00Z").out
    said = nsps("replay", "--state", "failed", "--pipeline", "mian")
    assert "nothing to send again" in said.out and "did you mean main?" in said.out
    assert nsps("replay", "--state", "failed", "--type", "SIM/Replaced", "--pipeline", "main").code == 0
    assert waiting(nsps) == [101]


def test_a_step_that_is_not_there_is_refused_before_anything_is_sent(folder: Path, nsps: Keyboard) -> None:
    past(folder, [sim(100)], REFUSES)
    said = nsps("replay", "--state", "failed", "--resend", "welcome")
    assert said.code == 2 and "no `once` step 'welcome' in pipeline main" in said.err
    assert waiting(nsps) == []


def test_what_no_pipeline_took_is_routed_once_one_takes_it(folder: Path, nsps: Keyboard) -> None:
    taken(folder, sim(101, "Account/New"))
    taken(folder, sim(100, "Account/New"))
    taken(folder, sim(102, "Number/New"))
    said = nsps("replay", "--state", "unrouted")
    assert (said.code, said.out) == (0, "nothing to route again: no pipeline takes any of those events now\n")
    pipeline = folder / "pipelines/main.yaml"
    pipeline.write_text(pipeline.read_text().replace('["SIM/*"]', '["SIM/*", "Account/*"]'))
    assert nsps("replay", "--state", "unrouted").out.endswith("2 deliveries, the oldest first\n")
    assert waiting(nsps) == [101, 100]
    assert [event["i_event"] for event in listed(nsps, "--state", "unrouted")] == ["102"]


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ((), "say what to send again: an event, the number of a delivery, or --state failed"),
        (("--pipeline", "main"), "say what to send again"),
        (("100", "--state", "failed"), "name 100 alone"),
        (("100", "--since", "2h"), "name 100 alone"),
        (("--state", "unrouted", "--pipeline", "main"), "--pipeline says nothing of what no pipeline took"),
    ],
)
def test_what_is_meant_is_said_one_way(nsps: Keyboard, typed: tuple[str, ...], told: str) -> None:
    said = nsps("replay", *typed)
    assert said.code == 2 and told in said.err and said.out == ""


def test_what_was_sent_again_is_no_longer_listed_as_failed(folder: Path, nsps: Keyboard) -> None:
    second = PIPELINE.replace("pipeline: main", "pipeline: second")
    past(folder, [sim(100), sim(101)], REFUSES)
    (folder / "pipelines/second.yaml").write_text(second)
    assert [event["i_event"] for event in listed(nsps, "--state", "failed")] == ["101", "100"]
    nsps("replay", "101")
    assert [event["i_event"] for event in listed(nsps, "--state", "failed")] == ["100"]
    assert [event["i_event"] for event in listed(nsps, "--state", "failed", "--pipeline", "second")] == []


def test_killed_in_the_middle_it_is_typed_once_more_and_sends_each_once(folder: Path, nsps: Keyboard) -> None:
    numbers = list(range(100, 140))
    past(folder, [sim(number) for number in numbers], REFUSES)
    command = [sys.executable, "-c", "import cli; cli.app()", "replay", "--state", "failed", "--project", str(folder)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, env={**os.environ, **SECRETS, "TARGET_URL": "http://127.0.0.1:1"}, cwd=ROOT
    ) as sending:
        assert sending.stdout is not None and sending.stdout.readline().startswith(b"delivery ")
        sending.kill()
    assert nsps("replay", "--state", "failed").code == 0
    assert waiting(nsps) == numbers


def test_what_no_pipeline_would_run_is_left_alone_and_stays_listed(folder: Path, nsps: Keyboard) -> None:
    """Sent again, it would wait for ever, and nobody would be told that it failed."""
    past(folder, [sim(100)], REFUSES)
    main = folder / "pipelines/main.yaml"
    main.write_text(main.read_text().replace("pipeline: main\n", "pipeline: main\nenabled: false\n"))
    said = nsps("replay", "--state", "failed")
    assert said.code == 0 and said.out == (
        "left alone: delivery #1: pipeline main is off: enabled: false\nnothing was sent again\n"
    )
    main.rename(folder / "pipelines/renamed.yaml")
    renamed = folder / "pipelines/renamed.yaml"
    renamed.write_text(PIPELINE.replace("pipeline: main", "pipeline: renamed"))
    said = nsps("replay", "--state", "failed")
    assert said.code == 0 and "left alone: delivery #1: there is no pipeline main in this folder\n" in said.out
    assert waiting(nsps) == []
    assert [event["i_event"] for event in listed(nsps, "--state", "failed")] == ["100"]


def test_what_failed_before_it_had_a_place_in_line_gets_one(folder: Path, nsps: Keyboard) -> None:
    """A key that failed: two events of one account would else be sent side by side."""
    main = folder / "pipelines/main.yaml"
    right = main.read_text()
    main.write_text(right.replace("key: data.variables.i_account\n", "key: abs(data.variables.i_account)\n", 1))
    for i_event in (100, 101, 102):
        taken(folder, sim(i_event, i_account="x"))
    assert len(listed(nsps, "--state", "failed")) == 3
    main.write_text(right.replace("order:", "when: data.variables.i_event != `102`\norder:"))
    said = nsps("replay", "--state", "failed")
    assert "left alone: delivery #3: pipeline main does not take event" in said.out and "`when` is false" in said.out
    assert said.out.endswith("2 deliveries, the oldest first\n")
    rows = [row for event in listed(nsps) for row in event["deliveries"] if row["state"] == "waiting"]
    assert [row["lane"] for row in rows] == ["main/1/x", "main/1/x"]
