"""`nsps test` runs what integrators write and says exactly what differs, where, and how to run it alone."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.keyboard import Keyboard, Said
from tests.target import write_project

EVENT = "{event_type: SIM/Updated, variables: {i_env: 1, i_event: 7, i_account: 7}}"


class Bench:
    """A project whose one test file is written by each test."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.nsps = Keyboard(folder, capsys)

    def edit(self, file: str, old: str, new: str) -> None:
        text = (self.folder / file).read_text()
        assert old in text
        (self.folder / file).write_text(text.replace(old, new, 1))

    def write(self, body: str, head: str = "pipeline: main\n") -> None:
        lines = "".join(f"  {line}\n" if line else "\n" for line in body.strip("\n").split("\n"))
        (self.folder / "pipelines/main.test.yaml").write_text(f"{head}tests:\n{lines}")

    def run(self, body: str, *words: str, head: str = "pipeline: main\n") -> Said:
        self.write(body, head)
        return self.nsps("test", *words)


@pytest.fixture
def bench(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Bench:
    return Bench(write_project(tmp_path / "project"), capsys)


def one(expect: str, more: str = "", event: str = EVENT) -> str:
    return f"- name: it\n  event: {event}\n{more}  expect: {expect}\n"


def test_a_test_that_passes_is_one_line(bench: Bench) -> None:
    said = bench.run(one("{outcome: delivered, attempts: 1, reason: ''}"))
    first, second, tally = said.out.splitlines()
    assert (said.code, said.err, first, second) == (0, "", "pipelines/main.test.yaml", "  ok    it")
    assert tally.startswith("1 passed, 0 failed in ")


@pytest.mark.parametrize(
    ("expect", "told"),
    [
        ("{outcome: skipped}", 'outcome: expected "skipped", was "delivered"'),
        ("{attempts: 2}", "attempts: expected 2, was 1"),
        ("{reason: asked to}", 'reason: expected "asked to", was ""'),
        ("{vars: {key: '8'}}", 'vars.key: expected "8", was "7"'),
        ("{vars: {value: '7'}}", 'vars.value: expected "7", was 7'),
        ("{vars: {value: null}}", "vars.value: expected null, was 7"),
        ("{requests: []}", "nothing was to be sent, but this was: target.put"),
        ("{requests: [{call: target.put, times: 2}]}", "the requests differ: 2 expected, 1 sent"),
        (
            "{requests: [{call: target.put, method: PUT}]}",
            'request 1 (target.put): method: expected "PUT", was "POST"',
        ),
        (
            "{requests: [{call: target.put, path: /get}]}",
            'request 1 (target.put): path: expected "/get", was "/put"',
        ),
        ("{requests: [{call: target.put, json: {key: '7', value: 8}}]}", "request 1 (target.put): json differs"),
        ("{requests: [{call: target.put, json: {key: '7'}}]}", "request 1 (target.put): json differs"),
        ("{requests: [{call: target.put, query: {a: b}}]}", "request 1 (target.put): query differs"),
    ],
)
def test_each_kind_of_difference_is_told_with_its_place(bench: Bench, expect: str, told: str) -> None:
    said = bench.run(one(expect))
    assert said.code == 1
    assert f"        {told}\n" in said.out
    assert "--> pipelines/main.test.yaml:5:" in said.out
    assert "run it alone: nsps test -k it" in said.out
    assert said.out.splitlines()[-1].startswith("0 passed, 1 failed in ")


def test_a_body_that_differs_is_a_diff_and_names_the_line_of_the_template(bench: Bench) -> None:
    said = bench.run(one("{requests: [{call: target.put, json: {key: '8', value: 7}}]}"))
    assert '-  "key": "8",' in said.out and '+  "key": "7",' in said.out
    assert '"value": 7' in said.out
    assert "made at connectors/target.yaml:14:20" in said.out


def test_headers_are_compared_by_name_without_case_and_only_those_named(bench: Bench) -> None:
    bench.edit("connectors/target.yaml", "headers: {", 'headers: {X-Kind: "{{ args.key }}", ')
    assert bench.run(one("{requests: [{call: target.put, headers: {x-KIND: '7'}}]}")).code == 0
    said = bench.run(one("{requests: [{call: target.put, headers: {x-kind: '8'}}]}"))
    assert "request 1 (target.put): headers differ" in said.out
    assert '-  "x-kind": "8"' in said.out and "made at connectors/target.yaml:13:" in said.out


def test_the_order_of_requests_matters_and_is_shown(bench: Bench) -> None:
    bench.edit(
        "pipelines/main.yaml",
        "  - call: target.put\n",
        "  - call: target.put\n  - {id: b, call: target.drop, with: {}}\n",
    )
    bench.edit(
        "connectors/target.yaml",
        "  put:\n",
        "  drop:\n    request: {method: DELETE, path: /all}\n    example: {}\n  put:\n",
    )
    said = bench.run(one("{requests: [{call: target.drop}, {call: target.put}]}"))
    assert said.code == 1 and "the requests differ: 2 expected, 2 sent" in said.out
    assert bench.run(one("{requests: [{call: target.put}, {call: target.drop}]}")).code == 0


def test_replies_come_in_call_order_and_the_last_repeats(bench: Bench) -> None:
    replies = "  replies: {target.put: [{status: 503}, {error: timeout}, {body: {ok: true}}]}\n"
    assert (
        bench.run(one("{outcome: delivered, attempts: 3, requests: [{call: target.put, times: 3}]}", replies)).code == 0
    )
    replies = "  replies: {target.put: [{status: 503}]}\n"
    assert bench.run(one("{outcome: retrying, attempts: 4}", replies)).code == 0


def test_what_fails_for_good_says_its_reason_beside_the_outcome(bench: Bench) -> None:
    replies = "  replies: {target.put: [{status: 400, body: {error: bad key}}]}\n"
    said = bench.run(one("{outcome: delivered}", replies))
    assert 'outcome: expected "delivered", was "failed"' in said.out
    assert "its reason: refused: bad key" in said.out


def test_without_expected_attempts_a_test_runs_until_its_policy_is_used_up(bench: Bench) -> None:
    bench.edit("nsps.yaml", "for: 1h", "attempts: 3")
    replies = "  replies: {target.put: [{status: 503}]}\n"
    assert bench.run(one("{outcome: failed, attempts: 3}", replies)).code == 0


def test_a_failure_of_ours_is_told_though_the_test_names_no_outcome(bench: Bench) -> None:
    bench.edit("pipelines/main.yaml", "map:\n", "map:\n  first?: length(data.variables.i_account)\n")
    said = bench.run(one("{vars: {key: '7'}}"))
    assert 'vars.key: expected "7", was null' in said.out
    assert "it ended failed: pipelines/main.yaml:6:" in said.out and "length" in said.out


def test_several_events_are_told_apart(bench: Bench) -> None:
    said = bench.run(
        """
- name: two
  events:
    - {event_type: SIM/Updated, variables: {i_event: 1, i_account: 1}}
    - {event_type: SIM/Updated, variables: {i_event: 2, i_account: 2}}
  expect:
    - {outcome: delivered, requests: [{call: target.put, json: {key: "1", value: 1}}]}
    - {outcome: delivered, vars: {key: "3"}}
"""
    )
    assert said.code == 1
    assert 'event 2: vars.key: expected "3", was "2"' in said.out
    assert "event 1" not in said.out


def test_a_repeat_is_not_taken_twice(bench: Bench) -> None:
    event = "{event_type: SIM/Updated, variables: {i_event: 1, i_account: 1}}"
    events = f"    - {event}\n    - {event}\n"
    body = f"- name: two\n  events:\n{events}  expect:\n    - {{outcome: delivered}}\n    - {{requests: []}}\n"
    assert bench.run(body).code == 0


def test_of_one_lane_the_newest_replaces_those_that_wait(bench: Bench) -> None:
    bench.edit(
        "pipelines/main.yaml", "  key: data.variables.i_account\n", "  key: data.variables.i_account\n  mode: latest\n"
    )
    text = (bench.folder / "pipelines/main.yaml").read_text()
    lines = [line for line in text.splitlines() if "variables.skip" not in line and "variables.gone" not in line]
    (bench.folder / "pipelines/main.yaml").write_text(
        "\n".join(lines).replace("skip:", 'skip:\n  - {when: "!(vars.key)", reason: no key}') + "\n"
    )
    said = bench.run(
        """
- name: two
  events:
    - {event_type: SIM/Updated, variables: {i_event: 1, i_account: 1}}
    - {event_type: SIM/Updated, variables: {i_event: 2, i_account: 1}}
  expect:
    - {outcome: superseded, requests: []}
    - {outcome: delivered}
"""
    )
    assert said.code == 0, said.out


def test_once_is_sent_once_over_events(bench: Bench) -> None:
    bench.edit("pipelines/main.yaml", "  - call: target.put\n", "  - {call: target.put, once: \"'welcome'\"}\n")
    said = bench.run(
        """
- name: two
  events:
    - {event_type: SIM/Updated, variables: {i_event: 1, i_account: 1}}
    - {event_type: SIM/Updated, variables: {i_event: 2, i_account: 2}}
  expect:
    - {requests: [{call: target.put}]}
    - {requests: []}
"""
    )
    assert said.code == 0, said.out


def test_now_is_when_the_test_begins_and_config_is_laid_over(bench: Bench) -> None:
    bench.edit("nsps.yaml", "retry: quick", "config: {region: home}\nretry: quick")
    bench.edit(
        "pipelines/main.yaml",
        "map:\n",
        "map:\n  region?: config.region\n  today?: format_time(parse_time(now), '%Y-%m-%d')\n",
    )
    expect = "{vars: {region: abroad, today: '2031-02-03'}}"
    more = "  now: 2031-02-03T04:05:06Z\n  config: {region: abroad}\n"
    said = bench.run(one(expect, more))
    assert said.code == 0, said.out
    said = bench.run(one(expect), head="pipeline: main\nnow: 2031-02-03T04:05:06Z\nconfig: {region: abroad}\n")
    assert said.code == 0, said.out
    assert 'vars.region: expected "abroad", was "home"' in bench.run(one(expect)).out


def test_an_operation_without_reply_and_example_is_named(bench: Bench) -> None:
    bench.edit("connectors/target.yaml", "    example: {body: {ok: true}}\n", "")
    said = bench.run(one("{attempts: 1}"))
    assert said.code == 1
    assert "target.put was called, but the test has no reply for it and the operation no example" in said.out


def test_an_event_the_receiver_would_refuse_is_said(bench: Bench) -> None:
    said = bench.run(one("{outcome: delivered}", event="{event_type: '', variables: {}}"))
    assert said.code == 1
    assert "event_type" in said.both


def test_an_event_the_pipeline_does_not_take_says_why(bench: Bench) -> None:
    said = bench.run(one("{outcome: delivered}", event="{event_type: Account/New, variables: {i_event: 1}}"))
    assert 'outcome: expected "delivered", was "not taken"' in said.out
    assert "its reason: event type: it takes SIM/*" in said.out


def test_an_envelope_brings_its_own_facts(bench: Bench) -> None:
    bench.edit("pipelines/main.yaml", "map:\n", "map:\n  status?: pb_data.account_info.bill_status\n")
    event = (
        "{data: {event_type: SIM/Updated, variables: {i_event: 1, i_account: 1}}, "
        "pb_data: {account_info: {bill_status: open}}}"
    )
    bench.edit("pipelines/main.yaml", "order:", "enrich: [portabilling.account_info]\norder:")
    said = bench.run(one("{vars: {status: open}, pb_data: {account_info: {bill_status: open}}}", event=event))
    assert said.code == 0, said.both
    said = bench.run(one("{pb_data: {account_info: {bill_status: closed}}}", event=event))
    assert "pb_data.account_info differs" in said.out and '-  "bill_status": "closed"' in said.out


CONNECTOR_HEAD = "connector: target\n"


def test_a_connectors_operation_is_called_by_itself(bench: Bench) -> None:
    body = """
- name: a bad key
  call: put
  with: {key: "7"}
  replies: {target.put: [{status: 400, body: {error: bad key}}]}
  expect: {verdict: fail, reason: "refused: bad key", requests: [{call: target.put, json: {key: "7"}}]}
- name: well
  call: put
  with: {key: "7"}
  expect: {verdict: ok, case: none, result: {ok: false}}
"""
    said = bench.run(body, head=CONNECTOR_HEAD)
    assert said.code == 1
    assert "  ok    a bad key" in said.out and "  FAIL  well" in said.out
    assert 'case: expected "none", was null' in said.out
    assert "result differs" in said.out and '+  "ok": true' in said.out


def test_only_what_is_asked_for_runs(bench: Bench) -> None:
    body = "".join(
        f"- name: {name}\n  event: {EVENT}\n  expect: {{outcome: delivered}}\n" for name in ("a BLUE one", "a red one")
    )
    bench.write(body)
    assert "1 passed" in bench.nsps("test", "-k", "blue").out
    none = bench.nsps("test", "-k", "green")
    assert (none.code, none.out) == (2, "") and "no test's name holds 'green'" in none.err
    assert "2 passed" in bench.nsps("test", str(bench.folder / "pipelines/main.test.yaml")).out
    strange = bench.nsps("test", str(bench.folder / "pipelines/main.yaml"))
    assert strange.code == 2 and "main.yaml is no test file of this project" in strange.err


def test_a_folder_means_the_tests_in_it(bench: Bench) -> None:
    bench.write(one("{outcome: delivered}"))
    assert "1 passed" in bench.nsps("test", str(bench.folder / "pipelines")).out
    said = bench.nsps("test", str(bench.folder / "connectors"))
    assert said.code == 2 and "holds no test file" in said.err


def test_a_project_without_tests_says_how_to_write_one(bench: Bench) -> None:
    said = bench.nsps("test")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("nsps: this project has no tests yet: write pipelines/main.test.yaml")


def test_json_says_the_same_for_programs(bench: Bench) -> None:
    said = bench.run(one("{outcome: skipped}"), "--format", "json")
    told = json.loads(said.out)
    assert (said.code, told["passed"], told["failed"]) == (1, 0, 1)
    (test,) = told["tests"]
    assert (test["file"], test["name"], test["passed"]) == ("pipelines/main.test.yaml", "it", False)
    assert test["differences"][0]["message"] == 'outcome: expected "skipped", was "delivered"'
    assert test["differences"][0]["place"].startswith("pipelines/main.test.yaml:5:")


def test_json_with_coverage_is_one_document(bench: Bench) -> None:
    told = json.loads(bench.run(one("{outcome: delivered}"), "--format", "json", "--coverage").out)
    assert any("asked to" in line or "data.variables.skip" in line for line in told["not_exercised"])


def test_junit_is_written_for_ci(bench: Bench, tmp_path: Path) -> None:
    report = tmp_path / "junit.xml"
    said = bench.run(one("{outcome: skipped}").replace("name: it", 'name: "it & <that>"'), "--junit", str(report))
    assert said.code == 1
    root = ET.parse(report).getroot()
    assert root.attrib == {"tests": "1", "failures": "1"}
    (case,) = root.iter("testcase")
    assert case.attrib["name"] == "it & <that>"
    failure = case.find("failure")
    assert failure is not None
    assert failure.attrib["message"] == 'outcome: expected "skipped", was "delivered"'
    assert "pipelines/main.test.yaml:5:" in str(failure.text)


def test_a_junit_file_that_cannot_be_written_is_said(bench: Bench, tmp_path: Path) -> None:
    said = bench.run(one("{outcome: delivered}"), "--junit", str(tmp_path))
    assert said.code == 2 and f"{tmp_path} cannot be written: " in said.err


def test_configuration_with_errors_runs_nothing(bench: Bench) -> None:
    bench.edit("pipelines/main.yaml", "call: target.put", "call: target.pot")
    said = bench.run(one("{outcome: delivered}"))
    assert said.code == 1 and "connector `target` has no operation `pot`" in said.err
