"""`nsps dry-run` shows what would become of one event, and changes nothing anywhere."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.keyboard import Keyboard, child, sim
from tests.target import CONNECTOR, PIPELINE, write_project

READS = (
    CONNECTOR.replace(
        "operations:\n",
        """\
auth: {kind: session, login: log_in, apply: {headers: {Authorization: "Bearer {{ session.token }}"}}}
operations:
  log_in:
    request: {method: POST, path: /login, json: {}}
    example: {body: {token: t}}
  find:
    read_only: true
    args: {key: {type: string}}
    request: {method: GET, path: "/find/{{ args.key }}"}
    example: {body: {name: example}}
""",
    )
    + """\
enrichments:
  facts:
    call: find
    with: {key: to_string(data.variables.i_account)}
    shape: {name: result.name}
"""
)
ASKS = PIPELINE.replace("map:\n", "enrich: [target.facts]\nmap:\n  name?: pb_data.facts.name\n")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_project(tmp_path / "project")


@pytest.fixture
def nsps(folder: Path, capsys: pytest.CaptureFixture[str]) -> Keyboard:
    return Keyboard(folder, capsys)


@pytest.fixture
def event(tmp_path: Path) -> str:
    file = tmp_path / "event.json"
    file.write_text(json.dumps(sim(7)))
    return str(file)


def test_an_espf_event_is_walked_through_everything(nsps: Keyboard, event: str) -> None:
    said = nsps("dry-run", event)
    assert (said.code, said.err) == (0, "")
    for line in (
        "event SIM/Updated, i_env 1, i_event 7",
        "pipeline main: would be delivered",
        "  lane main/1/7 (strict)",
        '    key: "7"',
        "  step put (target.put): ok",
        "    -> POST https://target-url.invalid/put",
        '       {"key": "7", "value": 7}',
        "    <- 200  its example",
    ):
        assert line in said.out.splitlines()


def test_nothing_is_stored(folder: Path, nsps: Keyboard, event: str) -> None:
    nsps("dry-run", event)
    assert not (folder / "var").exists()


def test_an_enriched_envelope_is_taken_as_it_came(folder: Path, nsps: Keyboard, tmp_path: Path) -> None:
    (folder / "connectors/target.yaml").write_text(READS)
    (folder / "pipelines/main.yaml").write_text(ASKS)
    file = tmp_path / "envelope.json"
    data = {"event_type": "SIM/Updated", "variables": {"i_env": 1, "i_event": 7, "i_account": 7}}
    file.write_text(json.dumps({"event_id": "e1", "data": data, "pb_data": {"facts": {"name": "brought"}}}))
    said = nsps("dry-run", str(file))
    assert said.code == 0 and 'name: "brought"' in said.out and "/find" not in said.out


def test_it_reads_standard_input(folder: Path) -> None:
    said = child(folder, "dry-run", "-", given=json.dumps(sim(7)).encode())
    assert said.returncode == 0 and b"would be delivered" in said.stdout
    said = child(folder, "dry-run", "-", given=b"")
    assert (
        said.returncode == 2 and said.stderr.startswith(b"nsps: standard input: ") and b"Traceback" not in said.stderr
    )


def test_replies_from_a_file_stand_in_for_the_systems(nsps: Keyboard, event: str, tmp_path: Path) -> None:
    reply = tmp_path / "replies.yaml"
    reply.write_text("target.put: [{status: 503, body: {error: in maintenance}}]\n")
    said = nsps("dry-run", event, "--reply", str(reply))
    assert said.code == 0
    assert "would be tried again: HTTP 503 from target.put: in maintenance" in said.out
    assert "<- 503  scripted" in said.out
    reply.write_text("target.put: {error: timeout}\n")
    assert "<- timeout" in nsps("dry-run", event, "--reply", str(reply)).out


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("target.pot: [{status: 503}]\n", "did you mean target.put"),
        ("- target.put\n", "write CONNECTOR.OPERATION: [{status: 200, body: …}]"),
        ("target.put: [503]\n", "write CONNECTOR.OPERATION: [{status: 200, body: …}]"),
        ("target.put: [{stauts: 503}]\n", "stauts"),
        ("target.put: [{error: broken}]\n", "broken"),
        ("target.put: [{status: high}]\n", "high"),
        ("target.put: [\n", "never closed"),
    ],
)
def test_a_reply_that_is_none_is_refused_in_words(
    nsps: Keyboard, event: str, tmp_path: Path, text: str, told: str
) -> None:
    reply = tmp_path / "replies.yaml"
    reply.write_text(text)
    said = nsps("dry-run", event, "--reply", str(reply))
    assert said.code in (1, 2) and told in said.err and said.out == ""


def test_no_pipeline_takes_it_is_exit_1_and_says_why(nsps: Keyboard, tmp_path: Path) -> None:
    file = tmp_path / "event.json"
    file.write_text(json.dumps(sim(7, "Account/New")))
    said = nsps("dry-run", str(file))
    assert said.code == 1
    assert "not taken main: event type: it takes SIM/*" in said.out
    assert said.out.splitlines()[-1] == "no pipeline takes this event"


def test_a_type_that_differs_in_capitals_alone_is_noted(nsps: Keyboard, tmp_path: Path) -> None:
    (tmp_path / "event.json").write_text(json.dumps(sim(7, "sim/updated")))
    said = nsps("dry-run", str(tmp_path / "event.json"))
    assert said.out.endswith("note: 'sim/updated' is not SIM/Updated: event types are compared letter by letter\n")


def test_one_that_would_fail_is_exit_1_and_says_the_place(folder: Path, nsps: Keyboard, event: str) -> None:
    text = (folder / "pipelines/main.yaml").read_text()
    (folder / "pipelines/main.yaml").write_text(text.replace("  key: to_string(", "  key: length("))
    said = nsps("dry-run", event)
    assert said.code == 1 and "pipeline main: would fail: pipelines/main.yaml:6:8: length:" in said.out


def test_a_condition_that_fails_is_a_failed_delivery(folder: Path, nsps: Keyboard, event: str) -> None:
    text = (folder / "pipelines/main.yaml").read_text()
    (folder / "pipelines/main.yaml").write_text(
        text.replace("order:", "when: length(data.variables.i_account) > `1`\norder:")
    )
    said = nsps("dry-run", event)
    assert said.code == 1 and "pipeline main: would fail: " in said.out


def test_a_skip_says_its_reason_and_is_no_failure(nsps: Keyboard, tmp_path: Path) -> None:
    file = tmp_path / "event.json"
    file.write_text(json.dumps(sim(7, skip=True)))
    said = nsps("dry-run", str(file))
    assert said.code == 0 and "pipeline main: would be skipped: asked to" in said.out


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"{", "not JSON"),
        (b"[1]", "object"),
        (b'{"event_type": "SIM/Updated", "event_type": "x", "variables": {}}', "event_type"),
        (b'{"variables": {}}', "event_type"),
        (b"\xff\xfe{\x00}\x00", "UTF-8"),
        (b"", "empty"),
    ],
)
def test_what_is_no_event_is_exit_2_in_words(nsps: Keyboard, tmp_path: Path, body: bytes, told: str) -> None:
    file = tmp_path / "event.json"
    file.write_bytes(body)
    said = nsps("dry-run", str(file))
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"nsps: {file}: ") and told in said.err


def test_a_file_that_cannot_be_read_is_exit_2(nsps: Keyboard, tmp_path: Path) -> None:
    assert (
        nsps("dry-run", str(tmp_path / "none.json")).err
        == f"nsps: {tmp_path}/none.json cannot be read: No such file or directory\n"
    )
    said = nsps("dry-run", str(tmp_path))
    assert said.code == 2 and "Is a directory" in said.err


def test_one_pipeline_can_be_named(folder: Path, nsps: Keyboard, event: str) -> None:
    (folder / "pipelines/second.yaml").write_text(PIPELINE.replace("pipeline: main", "pipeline: second"))
    both = nsps("dry-run", event).out
    assert "pipeline main: " in both and "pipeline second: " in both
    assert "pipeline main: " not in nsps("dry-run", event, "--pipeline", "second").out
    said = nsps("dry-run", event, "--pipeline", "mian")
    assert said.code == 2 and "did you mean main?" in said.err


def test_full_adds_facts_and_replies(folder: Path, nsps: Keyboard, event: str) -> None:
    (folder / "connectors/target.yaml").write_text(READS)
    (folder / "pipelines/main.yaml").write_text(ASKS)
    assert '"name": "example"' not in nsps("dry-run", event).out
    assert '"name": "example"' in nsps("dry-run", event, "--full").out


def test_json_says_the_same_for_programs(folder: Path, nsps: Keyboard, event: str) -> None:
    told = json.loads(nsps("dry-run", event, "--format", "json").out)
    (main,) = told["pipelines"]
    assert (told["event"]["i_event"], main["pipeline"], main["ending"]) == ("7", "main", "delivered")
    assert main["trace"]["vars"] == {"key": "7", "value": 7}


def test_an_operation_without_example_is_named_and_answered_as_not_reachable(
    folder: Path, nsps: Keyboard, event: str
) -> None:
    (folder / "connectors/target.yaml").write_text(CONNECTOR.replace("    example: {body: {ok: true}}\n", ""))
    said = nsps("dry-run", event)
    assert "note: target.put has no example and no --reply; it was answered as not reachable" in said.out
    assert "would be tried again" in said.out


@contextmanager
def system(answers: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """A real system: its URL, and the requests it saw."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"] or 0))
            seen.append(f"{self.command} {self.path} {self.headers['Authorization']}")
            status, body = answers.get(self.path, (200, {"name": "real"}))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        do_POST = do_GET

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def live(folder: Path) -> Path:
    (folder / "connectors/target.yaml").write_text(READS)
    (folder / "pipelines/main.yaml").write_text(ASKS)
    return folder


def test_live_makes_read_only_calls_and_their_logins_and_nothing_else(live: Path, event: str) -> None:
    with system({"/login": (200, {"token": "real-token"})}) as (url, seen):
        said = child(live, "dry-run", event, "--live", environ={"TARGET_URL": url})
    out = said.stdout.decode()
    assert said.returncode == 0, said.stderr
    assert seen == ["POST /login None", "GET /find/7 Bearer real-token"]
    assert 'name: "real"' in out and "step put (target.put): ok" in out and "<- 200  its example" in out
    assert "real-token" not in out


def test_live_without_an_address_says_which_variable(live: Path, event: str) -> None:
    said = child(live, "dry-run", event, "--live")
    assert said.returncode in (1, 2) and b"TARGET_URL" in said.stderr
    assert b"Traceback" not in said.stderr


def test_live_with_a_system_that_is_down_would_be_tried_again(live: Path, event: str) -> None:
    with system({}) as (url, _):
        pass
    said = child(live, "dry-run", event, "--live", environ={"TARGET_URL": url})
    assert said.returncode == 0 and b"connect" in said.stdout


def test_live_with_a_refused_login_says_so(live: Path, event: str) -> None:
    text = READS.replace(
        "    example: {body: {token: t}}\n", "    verdicts: [{when: status == `403`, is: fail, reason: wrong key}]\n"
    )
    (live / "connectors/target.yaml").write_text(text)
    with system({"/login": (403, {})}) as (url, seen):
        said = child(live, "dry-run", event, "--live", environ={"TARGET_URL": url})
    assert said.returncode == 0 and b"would wait: " in said.stdout and b"wrong key" in said.stdout
    assert seen == ["POST /login None"]
