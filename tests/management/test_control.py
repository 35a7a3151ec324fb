"""`nsps pause`, `resume` and `status`: what is held says so, and what needs doing comes first."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest

from engine.clock import SystemClock
from engine.storage.protocol import Hold, Owner
from tests.keyboard import Keyboard, at_a_store, past, sim, store_of, taken
from tests.target import write_project

REFUSES = {"target.put": [{"status": 400, "body": {"error": "bad key"}}]}
DOWN = {"target.put": [{"status": 503, "body": {"error": "in maintenance"}}]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_project(tmp_path / "project")


@pytest.fixture
def nsps(folder: Path, capsys: pytest.CaptureFixture[str]) -> Keyboard:
    return at_a_store(folder, capsys)


def beats(folder: Path, *, ago_s: float, config_hash: str = "another", refused: str = "") -> None:
    """A process whose last sign of life was so long ago."""

    async def work() -> None:
        async with store_of(folder) as store:
            at = SystemClock().now() - timedelta(seconds=ago_s)
            await store.beat(
                Owner(id="p", host="bills-host", pid=4711, started_at=at, config_hash=config_hash, refused=refused), at
            )

    asyncio.run(work())


def test_an_untouched_project_says_that_nothing_runs(nsps: Keyboard) -> None:
    said = nsps("status")
    assert said.code == 0
    assert said.out.splitlines()[0] == "nothing runs: no process works on this store. To start one: nsps run"


def test_all_is_well_is_said_in_one_line(folder: Path, nsps: Keyboard) -> None:
    past(folder, [sim(1)])
    beats(folder, ago_s=0)
    assert nsps("status").out.splitlines()[0] == "all is well: nothing needs doing"


def test_what_needs_doing_comes_first_most_urgent_at_the_top(folder: Path, nsps: Keyboard) -> None:
    past(folder, [sim(1)], REFUSES)
    past(folder, [sim(2)], REFUSES)
    past(folder, [sim(3)], DOWN)
    taken(folder, sim(4, "Account/New"))
    nsps("pause", "--connector", "target", "--reason", "night work")
    lines = nsps("status").out.splitlines()
    beginnings = [
        "nothing runs",
        "paused connector target since ",
        "1 delivery waits: ",
        "2 failed in pipeline main: refused: bad key  (nsps events --state failed; nsps replay --state failed)",
        "1 retrying in pipeline main: HTTP 503 from target.put: in maintenance",
        "1 unrouted: no pipeline took it",
        "",
    ]
    assert [line[: len(start)] for line, start in zip(lines, beginnings, strict=False)] == beginnings
    assert lines[1].endswith(": night work  (nsps resume --connector target)")


def test_what_failed_and_was_sent_again_needs_nothing_more(folder: Path, nsps: Keyboard) -> None:
    past(folder, [sim(1)], REFUSES)
    assert "1 failed in pipeline main" in nsps("status").out
    nsps("replay", "1")
    assert "1 failed in pipeline main" not in nsps("status").out


def test_a_delivery_that_is_long_overdue_is_told(folder: Path, nsps: Keyboard) -> None:
    past(folder, [sim(1)], DOWN, at=SystemClock().now() - timedelta(minutes=7, seconds=30))
    assert "late: the delivery that is due longest has waited for 7 min" in nsps("status").out


def test_what_is_overdue_is_told_whatever_else_is_held_back(folder: Path, nsps: Keyboard) -> None:
    past(folder, [sim(1)], DOWN, at=SystemClock().now() - timedelta(minutes=7, seconds=30))
    (folder / "pipelines/other.yaml").write_text((folder / "pipelines/main.yaml").read_text().replace("main", "other"))
    nsps("pause", "--pipeline", "other")
    past(folder, [sim(2)], DOWN)
    told = nsps("status").out
    assert "1 delivery waits: pipeline other is paused" in told
    assert "late: the delivery that is due longest has waited for 7 min" in told


def test_a_process_that_fell_silent_is_told_with_for_how_long(folder: Path, nsps: Keyboard) -> None:
    beats(folder, ago_s=125)
    first, second, *_ = nsps("status").out.splitlines()
    assert first.startswith("nothing runs")
    assert second == "silent bills-host pid 4711 for 2 min"


def test_a_process_with_another_configuration_is_marked(folder: Path, nsps: Keyboard) -> None:
    beats(folder, ago_s=1, config_hash="0123456789abcdef", refused="pipelines/main.yaml:2:1: unknown field")
    said = nsps("status").out
    assert "configuration 0123456789ab  other configuration than this folder" in said
    assert "refuses what its folder holds now: pipelines/main.yaml:2:1: unknown field  (bills-host pid 4711)" in said


def test_a_pipeline_that_is_off_says_why(folder: Path, nsps: Keyboard) -> None:
    (folder / "pipelines/main.yaml").write_text((folder / "pipelines/main.yaml").read_text() + "enabled: false\n")
    assert "off pipeline main: " in nsps("status").out


def test_status_as_json_holds_the_same(folder: Path, nsps: Keyboard) -> None:
    past(folder, [sim(1)], REFUSES)
    told = json.loads(nsps("status", "--format", "json").out)
    assert (told["events"], told["deliveries"]["main"]["failed"], told["holds"], told["processes"]) == (1, 1, [], [])
    assert told["troubles"]["failed"]["causes"] == [{"pipeline": "main", "reason": "refused: bad key", "number": 1}]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "everything"),
        (("--pipeline", "main"), "pipeline main"),
        (("--connector", "target"), "connector target"),
    ],
)
def test_what_is_paused_says_how_to_go_on_and_goes_on(nsps: Keyboard, options: tuple[str, ...], words: str) -> None:
    paused = nsps("pause", *options).out
    resume = " ".join(("nsps", "resume", *options))
    assert paused == f"paused {words}: events are taken and stored, nothing of it is sent. To go on: {resume}\n"
    assert f"paused {words} since " in nsps("status").out
    assert nsps("resume", *options).out == f"resumed {words}: what waited is sent in order\n"
    assert nsps("resume", *options).out == f"{words} was not paused\n"
    assert "paused" not in nsps("status").out


def test_a_connector_whose_login_was_refused_is_released_by_resume(folder: Path, nsps: Keyboard) -> None:
    async def held() -> None:
        async with store_of(folder) as store:
            at = SystemClock().now()
            await store.set_hold(
                Hold(scope="connector:target", kind="held", by="nsps", reason="its login was refused", at=at)
            )

    asyncio.run(held())
    assert "its login was refused  (nsps resume --connector target)" in nsps("status").out
    assert nsps("resume", "--connector", "target").code == 0
    assert "login" not in nsps("status").out


def test_names_that_are_not_there_are_told_with_the_next_best(nsps: Keyboard) -> None:
    for command in ("pause", "resume"):
        said = nsps(command, "--pipeline", "mian")
        assert said.code == 2 and "no pipeline 'mian' in this project; did you mean main?" in said.err
        said = nsps(command, "--connector", "zzz")
        assert said.code == 2 and "there are " in said.err and "target" in said.err
        said = nsps(command, "--pipeline", "main", "--connector", "target")
        assert said.code == 2 and "not both" in said.err


def test_what_was_not_paused_is_told_with_what_is(nsps: Keyboard) -> None:
    nsps("pause", "--connector", "target")
    nsps("pause", "--pipeline", "main")
    assert nsps("resume").out.splitlines() == [
        "everything was not paused",
        "connector target is: nsps resume --connector target",
        "pipeline main is: nsps resume --pipeline main",
    ]
