"""`nsps events` and `nsps show` tell what came in and what became of it, in every state."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.keyboard import Keyboard, at_a_store, past, sim, taken
from tests.target import write_project

DOWN = {"target.put": [{"status": 503, "body": {"error": "in maintenance"}}]}
REFUSES = {"target.put": [{"status": 400, "body": {"error": "bad key"}}]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_project(tmp_path / "project")


@pytest.fixture
def nsps(folder: Path, capsys: pytest.CaptureFixture[str]) -> Keyboard:
    return at_a_store(folder, capsys)


def test_an_empty_store_says_so_and_a_search_without_result_says_that(nsps: Keyboard) -> None:
    assert nsps("events").out == "no events yet\n"
    assert nsps("events", "4711").out == "no events match\n"


@pytest.mark.parametrize(
    ("option", "name", "hint"),
    [
        ("--pipeline", "mian", "no pipeline 'mian' in this project; did you mean main?"),
        ("--pipeline", "zzzzzz", "no pipeline 'zzzzzz' in this project; there are main"),
        ("--type", "sim/updated", "ESPF is not known to send 'sim/updated'; did you mean SIM/Updated?"),
        ("--type", "Nothing/Like/It", "ESPF is not known to send 'Nothing/Like/It'"),
    ],
)
def test_a_search_for_an_unknown_name_says_that_it_is_unknown(
    nsps: Keyboard, option: str, name: str, hint: str
) -> None:
    said = nsps("events", option, name)
    assert said.code == 0
    first, second = said.out.splitlines()
    assert first == "no events match" and second.strip().startswith(hint)
    assert nsps("events", option, name, "--format", "json").out.strip() == "[]"


@pytest.mark.parametrize(("option", "name"), [("--pipeline", "main"), ("--type", "SIM/Updated")])
def test_a_search_for_a_known_name_has_no_hint(nsps: Keyboard, option: str, name: str) -> None:
    assert nsps("events", option, name).out == "no events match\n"


def test_each_state_is_told_in_words_newest_first(folder: Path, nsps: Keyboard) -> None:
    past(folder, [sim(1)])
    past(folder, [sim(2, skip=True)])
    past(folder, [sim(3)], REFUSES)
    past(folder, [sim(4)], DOWN)
    taken(folder, sim(5))
    taken(folder, sim(6, "Account/New"))
    lines = nsps("events").out.splitlines()
    assert [line.split()[4] for line in lines[1:]] == ["6", "5", "4", "3", "2", "1"]
    unrouted, waiting, retrying, failed, skipped, delivered = lines[1:]
    assert unrouted.endswith("-         unrouted")
    assert "waiting, due since " in waiting
    assert "retrying after 1 attempt, " in retrying and "HTTP 503 from target.put: in maintenance" in retrying
    assert failed.endswith("failed after 1 attempt, refused: bad key")
    assert skipped.endswith("skipped after 1 attempt, asked to")
    assert delivered.endswith("delivered after 1 attempt")


def test_what_waits_behind_another_names_it(folder: Path, nsps: Keyboard) -> None:
    past(folder, [sim(1, i_account=9)], DOWN)
    taken(folder, sim(2, i_account=9))
    behind = nsps("events", "2").out.splitlines()[1]
    number = behind.partition("behind #")[2].split()[0]
    assert f"delivery #{number} to main: retrying after 1 attempt" in nsps("show", "1").out


def test_what_a_pause_holds_says_so_and_by_whom(folder: Path, nsps: Keyboard) -> None:
    taken(folder, sim(1))
    nsps("pause", "--connector", "target", "--reason", "night work")
    for command in ("events", "show"):
        said = nsps(command, "1").out
        assert "connector target" in said and "paused" in said and "night work" in said


def test_a_superseded_one_names_the_newer(folder: Path, nsps: Keyboard) -> None:
    pipeline = (folder / "pipelines/main.yaml").read_text()
    pipeline = pipeline.replace(
        "  key: data.variables.i_account\n", "  key: data.variables.i_account\n  mode: latest\n"
    )
    (folder / "pipelines/main.yaml").write_text(
        pipeline.replace("  - {when: data.variables.skip, reason: asked to}\n", "").replace(
            "  - {when: data.variables.gone, reason: it is gone, answer: 404}\n",
            '  - {when: "!(vars.key)", reason: no key}\n',
        )
    )
    past(folder, [sim(1, i_account=9), sim(2, i_account=9)])
    assert "superseded, by #" in nsps("events", "1").out
    assert "delivered after 1 attempt" in nsps("events", "2").out


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("--state", "failed"), {"3"}),
        (("--state", "delivered"), {"1"}),
        (("--state", "unrouted"), {"6"}),
        (("--type", "Account/New"), {"6"}),
        (("--pipeline", "main"), {"1", "3"}),
        (("--since", "1h"), {"1", "3", "6"}),
        (("--since", "2100-01-01"), set()),
        (("3",), {"3"}),
    ],
)
def test_the_list_is_narrowed_by_what_is_asked(
    folder: Path, nsps: Keyboard, words: tuple[str, ...], found: set[str]
) -> None:
    past(folder, [sim(1)])
    past(folder, [sim(3)], REFUSES)
    taken(folder, sim(6, "Account/New"))
    told = json.loads(nsps("events", *words, "--format", "json").out)
    assert {event["i_event"] for event in told} == found


def test_a_full_page_says_how_to_see_the_next(folder: Path, nsps: Keyboard) -> None:
    for number in (1, 2, 3):
        taken(folder, sim(number))
    first = nsps("events", "--limit", "2").out.splitlines()
    assert first[-1].startswith("more: add --before ")
    rest = nsps("events", "--limit", "2", "--before", first[-1].split()[-1]).out
    assert [line.split()[4] for line in rest.splitlines()[1:]] == ["1"]


def test_wrong_use_is_told_in_words_with_code_2(nsps: Keyboard) -> None:
    assert nsps("events", "--since", "yesterday").code == 2
    assert "write a duration such as 2h" in nsps("events", "--since", "yesterday").err
    assert nsps("events", "--before", "nothing").code == 2
    assert nsps("events", "--state", "broken").code == 2
    assert "'failed'" in nsps("events", "--state", "broken").err
    assert nsps("events", "--format", "yaml").code == 2
    for command in ("show", "why"):
        said = nsps(command, "4711")
        assert (said.code, said.out) == (2, "")
        assert "no event or delivery '4711' in this store; nsps events lists what is" in said.err


def test_show_tells_each_attempt_in_order(folder: Path, nsps: Keyboard) -> None:
    replies = {
        "target.put": [
            {"status": 503, "body": {"error": "in maintenance"}},
            {"error": "timeout"},
            {"body": {"ok": True}},
        ]
    }
    past(folder, [sim(7)], replies, most=3)
    said = nsps("show", "7").out
    assert "delivered after 3 attempts" in said
    first, second, third = said.split(" attempt ")[1:]
    assert "retry: HTTP 503 from target.put: in maintenance" in first
    assert "-> POST" in first and '{"key": "7", "value": 7}' in first and "<- 503" in first
    assert "<- timeout" in second
    assert third.splitlines()[0].endswith(": delivered")
    assert "lane main/1/7 (strict)" in said


def test_show_finds_by_id_its_beginning_i_event_and_delivery(folder: Path, nsps: Keyboard) -> None:
    (seen,) = past(folder, [sim(7)])
    number = nsps("show", "7").out.partition("delivery #")[2].split()[0]
    for asked in (seen.event_id, seen.event_id[:13], "7", number, f"#{number}"):
        assert seen.event_id in nsps("show", asked).out.splitlines()[0]


def test_show_full_adds_the_body_as_it_came(folder: Path, nsps: Keyboard) -> None:
    past(folder, [sim(7, note="zażółć")])
    assert "zażółć" not in nsps("show", "7").out
    assert "zażółć" in nsps("show", "7", "--full").out


def test_show_tells_repeats_and_an_id_with_other_content(folder: Path, nsps: Keyboard) -> None:
    taken(folder, sim(7))
    taken(folder, sim(7))
    first = nsps("show", "7").out
    assert "repeated 1 time by its sender" in first
    second = taken(folder, sim(7, other=True))
    assert "had the same id but other content; both were taken" in nsps("show", second).out


def test_an_unrouted_event_says_what_to_do(folder: Path, nsps: Keyboard) -> None:
    event = taken(folder, sim(6, "Account/New"))
    said = nsps("show", "6").out
    assert f"nsps why {event}" in said and f"nsps replay {event}" in said


def test_a_failed_delivery_says_how_to_send_it_again_until_it_was(folder: Path, nsps: Keyboard) -> None:
    past(folder, [sim(3)], REFUSES)
    said = nsps("show", "3").out
    number = said.partition("delivery #")[2].split()[0]
    assert f"to send it again: nsps replay {number}" in said
    nsps("replay", "3")
    again = nsps("show", "3").out
    assert "to send it again" not in again
    assert f"replay of #{number}" in again


def test_the_json_of_an_event_holds_its_attempts_and_their_traces(folder: Path, nsps: Keyboard) -> None:
    past(folder, [sim(4)], DOWN)
    told = json.loads(nsps("show", "4", "--format", "json").out)
    (delivery,) = told["deliveries"]
    assert (told["event_type"], delivery["state"], delivery["attempts"]) == ("SIM/Updated", "waiting", 1)
    (attempt,) = delivery["attempts_made"]
    assert attempt["trace"]["vars"] == {"key": "4", "value": 4}
    assert attempt["trace"]["steps"][0]["calls"][0]["reply"]["status"] == 503
    assert delivery["waits_for"]


def test_an_attempt_that_was_killed_names_no_configuration(folder: Path, nsps: Keyboard) -> None:
    past(folder, [sim(1)])
    with closing(sqlite3.connect(folder / "var/nsps.db")) as connection:
        connection.execute("UPDATE attempts SET config_hash = ''")
        connection.commit()
    assert "configuration" not in nsps("show", "1").out
