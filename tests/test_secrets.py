"""Canaries for every kind of secret go through a real process; none is found in anything it leaves behind."""

from __future__ import annotations

import base64
import html
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import httpx2
import pytest

from tests.ports import free_port

ROOT = Path(__file__).resolve().parent.parent
WITHIN_S = 120.0
TRICKY = "\"'é%+/&<=\\"

# Each begins and ends with something that survives every encoding but base64, and holds what encodings change.
CANARIES = {
    "ESPF_PASSWORD": f"Zq1espf{TRICKY}TailA",
    "ESPF_KEY": "Zq2custom+/=TailB",
    "API_TOKEN": "Zq3api.tok-en_TailC",
    "BASIC_PASSWORD": f"Zq4basic{TRICKY}TailD",
    "BEARER_TOKEN": "Zq5bearer.aGVsbG8+/TailE",
    "HEADER_VALUE": "Zq6header\"'%+&<=TailF",
    "QUERY_KEY": f"Zq7query{TRICKY}TailG",
    "CLIENT_SECRET": f"Zq8oauth{TRICKY}TailH",
    "LOGIN_TOKEN": f"Zq9login{TRICKY}TailI",
    "URL_PASSWORD": "ZqAurl~TailJ",
    "FROM_FILE": f"ZqBfile{TRICKY}TailK",
    "WRONG_PASSWORD": "ZqCwrong+/TailL",
    "REFUSED_TOKEN": f"ZqDrefused{TRICKY}TailM",
}
# What the system gives out by itself: sessions, their cookies, tokens.
GIVEN = {
    "access_token": "ZqEsession\"'%+/&<=TailN",
    "refresh_token": "ZqFrefresh+/=TailO",
    "cookie": "ZqGcookie+/TailP",
    "oauth": "ZqHissued.+/=TailQ",
}
# Arguments declared `secret: true`.
KI = "00112233445566778899AABBCCDDEEFF"
OPC = f"ZqJopc{TRICKY}TailR"
PIN = "90817263"  # digits
ARGUMENTS = {"ki": KI, "opc": OPC, "pin": int(PIN)}

NSPS = """\
instance: canary
receive:
  espf:
    path: /espf
    auth:
      basic: [{user: espf, password: "${secret:ESPF_PASSWORD}"}]
      custom: [{scheme: Key, value: "${secret:ESPF_KEY}"}]
  nsps:
    path: /process-event
    auth: {bearer: ["${secret:API_TOKEN}"]}
    answer: processed
store: sqlite:///var/nsps.db
retry: once_more
retries:
  once_more:
    main: {first: 50ms, factor: 1, max: 50ms, attempts: 2}
config:
  from_file: ${secret:FROM_FILE}
"""

AUTHS = {
    "basic": '{kind: basic, user: nsps, password: "${secret:BASIC_PASSWORD}"}',
    "bearer": '{kind: bearer, token: "${secret:BEARER_TOKEN}"}',
    "header": '{kind: header, name: X-Key, value: "${secret:HEADER_VALUE}"}',
    "query": '{kind: query, params: {key: "${secret:QUERY_KEY}"}}',
    "oauth": (
        '{kind: oauth2_client_credentials, token_url: "${TARGET_URL}/token", client_id: us, '
        'client_secret: "${secret:CLIENT_SECRET}", send: basic}'
    ),
    "oauthbody": (
        '{kind: oauth2_client_credentials, token_url: "${TARGET_URL}/token", client_id: us, '
        'client_secret: "${secret:CLIENT_SECRET}", send: body}'
    ),
    "oauthrefused": (
        '{kind: oauth2_client_credentials, token_url: "${TARGET_URL}/token-refused", client_id: us, '
        'client_secret: "${secret:REFUSED_TOKEN}"}'
    ),
    "session": (
        "{kind: session, login: log_in, refresh: refresh, "
        "apply: {headers: {Authorization: 'Bearer {{ session.access_token }}'}}}"
    ),
    "loginrefused": "{kind: session, login: log_in_refused, apply: {headers: {x-s: '{{ session.access_token }}'}}}",
    "url": "{kind: none}",
    "proxy": "{kind: none}",
    "arguments": "{kind: none}",
}

CONNECTOR = """\
connector: KIND
transport: http
base_url: BASE
auth: AUTH
timeout: 5s
config:
  login_token: ${secret:LOGIN_TOKEN}
  refused_token: ${secret:REFUSED_TOKEN}
  from_file: ${secret:FROM_FILE}
operations:
  succeed:
    args:
      pin?: {type: integer, secret: true}
    request: {method: POST, path: /ok, json: {pin: "{{ args.pin | default(omit) }}", also: "{{ config.from_file }}"}}
    example: {body: {ok: true}}
  echo:
    args:
      form: {type: string}
      ki?: {type: string, secret: true}
      opc?: {type: string, secret: true}
      pin?: {type: integer, secret: true}
    request:
      method: POST
      path: "/echo/{{ args.form }}"
      headers: {x-opc: "{{ args.opc | base64 | default('none') }}"}
      json:
        ki: "{{ args.ki | default(omit) }}"
        opc: "{{ args.opc | default(omit) }}"
        pin: "{{ args.pin | default(omit) }}"
        also: "{{ config.from_file }}"
    example: {body: {ok: true}}
"""
LOGINS = """\
  log_in:
    request: {method: POST, path: /login, json: {token: "{{ config.login_token }}"}}
    example: {body: {access_token: example-access, refresh_token: example-refresh}}
  log_in_refused:
    request: {method: POST, path: /echo/said, json: {token: "{{ config.refused_token }}"}}
    verdicts: [{when: status == `500`, is: fail, reason: "{{ body.error }}"}]
    example: {body: {access_token: example-access}}
  refresh:
    request: {method: POST, path: /login, json: {token: "{{ session.refresh_token }}"}}
"""
PROXIED = "proxy: http://user:${secret:URL_PASSWORD}@${TARGET_HOST}\n"
MORE = {"proxy": PROXIED, "session": LOGINS, "loginrefused": LOGINS}

PIPELINE = """\
pipeline: KIND
events: [KIND/Event]
when: data.variables.form != config.from_file
map:
  form: data.variables.form
  ki?: data.variables.ki
  opc?: data.variables.opc
  pin?: data.variables.pin
dispatch:
  - call: KIND.succeed
  - call: KIND.echo
"""

# A pipeline in which an earlier step fails: the secret arguments of the later one are secret all the same.
EARLY = """\
pipeline: early
events: [early/Event]
map:
  form: data.variables.form
  ki?: data.variables.ki
  opc?: data.variables.opc
  pin?: data.variables.pin
dispatch:
  - {call: arguments.echo, id: first, with: {form: vars.form}}
  - call: arguments.echo
"""


def forms_of(said: str) -> dict[str, tuple[str, str]]:
    """How systems repeat what they were sent: content type and body, by the name of the form."""
    jinja = said.replace("&", "&amp;").replace('"', "&#34;").replace("'", "&#39;").replace("<", "&lt;")
    return {
        "said": ("application/json", json.dumps({"error": said})),
        "asciitext": ("text/plain", json.dumps({"request": said})),
        "json": ("application/json", json.dumps({"request": said}, ensure_ascii=False)),
        "nested": ("application/json", json.dumps({"inner": json.dumps({"request": said})})),
        "nestedutf8": ("application/json", json.dumps({"inner": json.dumps({"r": said}, ensure_ascii=False)})),
        "html": ("text/html", f"<html><body>{html.escape(said)}</body></html>"),
        "xml": ("text/xml", f"<e><said>{jinja}</said></e>"),
        "url": ("text/plain", quote(said, safe="")),
        "urllower": ("text/plain", re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), quote(said, safe=""))),
        "repr": ("text/plain", repr(said)),
        "text": ("text/plain", said),
    }


class Echo(BaseHTTPRequestHandler):
    """Gives out sessions, and repeats everything it was told, as broken systems do."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None: ...

    def do_POST(self) -> None:  # noqa: PLR0911 - each way of answering
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        parts = urlsplit(self.path)
        if parts.path in ("/login", "/base/login"):
            tokens = {"access_token": GIVEN["access_token"], "refresh_token": GIVEN["refresh_token"]}
            return self._answer(200, "application/json", json.dumps(tokens), f"sid={GIVEN['cookie']}; Path=/")
        if parts.path == "/token":
            issued = {"access_token": GIVEN["oauth"], "token_type": "bearer", "expires_in": 3600}
            return self._answer(200, "application/json", json.dumps(issued))
        said = " ".join([unquote(self.path), *(f"{value}" for _, value in self.headers.items()), *_leaves(body), body])
        if parts.path == "/token-refused":
            refused = {"error": "invalid_client", "error_description": said}
            return self._answer(401, "application/json", json.dumps(refused))
        if parts.path.endswith("/ok"):
            return self._answer(200, "application/json", json.dumps({"ok": True, "said": said, "pin": _pin(body)}))
        form = parts.path.rpartition("/")[2]
        if form.startswith("far"):  # a secret that is cut off where a message ends
            secret = next(iter(_leaves(body)), "") if "far" in form else ""
            return self._answer(500, "application/json", json.dumps({"error": "x" * int(form[3:]) + secret}))
        if form.startswith("page"):
            secret = next(iter(_leaves(body)), "")
            return self._answer(200, "text/html", "<" + "x" * int(form[4:]) + secret)
        kind, text = forms_of(said)[form]
        return self._answer(500, kind, text)

    def _answer(self, status: int, kind: str, text: str, cookie: str = "") -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(content)))
        if cookie:
            self.send_header("set-cookie", cookie)
        for name in ("authorization", "x-key", "x-opc", "cookie"):
            if value := self.headers.get(name):
                self.send_header(f"x-echo-{name}", value.encode("ascii", "replace").decode())
        self.end_headers()
        self.wfile.write(content)


def _leaves(body: str) -> list[str]:
    try:
        value = json.loads(body)
    except ValueError:
        return [unquote(body.replace("+", " "))]
    return [str(member) for member in value.values()]


def _pin(body: str) -> Any:
    try:
        return json.loads(body).get("pin")
    except ValueError:
        return None


@contextmanager
def echoing() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def write_project(folder: Path) -> Path:
    (folder / "connectors").mkdir(parents=True)
    (folder / "pipelines").mkdir()
    (folder / "nsps.yaml").write_text(NSPS)
    for kind, auth in AUTHS.items():
        base = "http://user:${secret:URL_PASSWORD}@${TARGET_HOST}/base" if kind == "url" else "${TARGET_URL}"
        text = CONNECTOR.replace("KIND", kind).replace("BASE", base).replace("AUTH", auth)
        (folder / "connectors" / f"{kind}.yaml").write_text(text + MORE.get(kind, ""))
        (folder / "pipelines" / f"{kind}.yaml").write_text(PIPELINE.replace("KIND", kind))
    (folder / "pipelines" / "early.yaml").write_text(EARLY)
    return folder


MANY_COMMANDS = """
import contextlib, io, json, sys
from cli import commands
from engine.command import ending_well
printed = []
for arguments in json.load(sys.stdin):
    sys.argv = ["nsps", *arguments]
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(out), contextlib.suppress(SystemExit):
        ending_well(commands)
    printed.append(out.getvalue())
json.dump(printed, sys.stdout)
"""


class Process:
    """`nsps` of a project, as people start it."""

    def __init__(self, project: Path, environ: Mapping[str, str]) -> None:
        self.project = project
        self.environ = {**os.environ, **environ, "NSPS_LOG": "debug", "PYTHONPATH": str(ROOT)}
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def command(self, *arguments: str, stdin: str = "") -> bytes:
        """What a command prints, on both streams."""
        done = subprocess.run(
            [sys.executable, "-c", "import cli; cli.app()", *arguments, "--project", str(self.project)],
            env=self.environ, cwd=self.project, input=stdin.encode(), capture_output=True, timeout=240, check=False,
        )  # fmt: skip
        assert b"Traceback" not in done.stderr, done.stderr.decode()
        return done.stdout + done.stderr

    def commands(self, asked: list[list[str]]) -> dict[str, bytes]:
        """What each of them prints, one after another in one process: starting one takes a second."""
        done = subprocess.run(
            [sys.executable, "-c", MANY_COMMANDS], env=self.environ, cwd=self.project, timeout=600, check=True,
            input=json.dumps([[*one, "--project", str(self.project)] for one in asked]).encode(), capture_output=True,
        )  # fmt: skip
        printed: list[str] = json.loads(done.stdout)
        assert all(printed)
        return {" ".join(one): text.encode() for one, text in zip(asked, printed, strict=True)}

    @contextmanager
    def running(self) -> Iterator[None]:
        with (self.project.parent / "log.txt").open("ab") as out:
            process = subprocess.Popen(
                [sys.executable, "-c", "import cli; cli.app()", "run", "--port", str(self.port), "-C", str(self.project)],
                env=self.environ, cwd=self.project, stdout=out, stderr=out,
            )  # fmt: skip
        try:
            self._wait_until_ready(process)
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0, self.log.decode()

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        end = time.monotonic() + WITHIN_S
        while True:
            try:
                if httpx2.get(f"{self.url}/ready").status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            assert process.poll() is None and time.monotonic() < end, self.log.decode()
            time.sleep(0.05)

    @property
    def log(self) -> bytes:
        return (self.project.parent / "log.txt").read_bytes()

    def post(self, event_type: str, **variables: Any) -> httpx2.Response:
        password = CANARIES["ESPF_PASSWORD"]
        auth = "Basic " + base64.b64encode(f"espf:{password}".encode()).decode()
        event = {"event_type": event_type, "variables": variables}
        return httpx2.post(f"{self.url}/espf", json=event, headers={"authorization": auth})

    def wait_until_ended(self) -> None:
        end = time.monotonic() + WITHIN_S
        while True:
            told = json.loads(self.command("status", "--format", "json"))
            left = sum(counts.get("running", 0) for counts in told["deliveries"].values())
            waiting = [n for n, counts in told["deliveries"].items() if counts.get("waiting") and "refused" not in n]
            if not left and not waiting:
                return
            assert time.monotonic() < end, told
            time.sleep(0.2)


def needles(secret: str) -> list[bytes]:
    """What would show that the secret, or the first or last half of it, stands somewhere."""
    ends = [secret] if secret in (KI, PIN) else [secret[:8], secret[-5:]]
    aligned = [base64.b64encode(b"\0" * shift + secret.encode())[4 if shift else 0 :][:10] for shift in range(3)]
    return [end.encode() for end in ends] + aligned


def leaks(places: Mapping[str, bytes], secrets: Mapping[str, str]) -> list[str]:
    """Each secret that stands in each place, with its surroundings."""
    found = []
    for where, content in places.items():
        for name, secret in secrets.items():
            for needle in needles(secret):
                at = content.find(needle)
                if at >= 0:
                    found.append(f"{name} in {where}: {content[max(0, at - 120) : at + 60]!r}")
                    break
    return found


@pytest.fixture(scope="module")
def left_behind(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Everything a process and its commands left behind, by where it was found."""
    folder = tmp_path_factory.mktemp("canaries")
    secret_file = folder / "from-file"
    secret_file.write_text(CANARIES["FROM_FILE"] + "\n")
    environ = {name: value for name, value in CANARIES.items() if name != "FROM_FILE"}
    with echoing() as host:
        environ |= {"FROM_FILE_FILE": str(secret_file), "TARGET_HOST": host, "TARGET_URL": f"http://{host}"}
        system = Process(write_project(folder / "project"), environ)
        answers = []
        with system.running():
            forms = [
                *forms_of(""),
                *(f"far{at}" for at in range(180, 200, 3)),
                *(f"page{at}" for at in range(60, 80, 4)),
            ]
            for form in forms:
                answers += [system.post(f"{kind}/Event", form=form, i_event=form, **ARGUMENTS) for kind in AUTHS]
                answers.append(system.post("early/Event", form=form, **ARGUMENTS))
            assert {answer.status_code for answer in answers} == {200}
            answers += refused_posts(system)
            system.wait_until_ended()
            unfinished = progress_of(system.project)
        assert unfinished == [], "the results that steps of finished deliveries left are erased"
        places = {"the log": system.log, "the database": database(system.project)}
        places["answers"] = b"\n".join(repr(answer.headers).encode() + answer.content for answer in answers)
        places |= commands(system)
    return places


def refused_posts(system: Process) -> list[httpx2.Response]:
    wrong = base64.b64encode(f"espf:{CANARIES['WRONG_PASSWORD']}".encode()).decode()
    headers = {"x-token": CANARIES["WRONG_PASSWORD"], "cookie": CANARIES["WRONG_PASSWORD"]}
    event = {"event_type": "basic/Event", "variables": {"form": "said"}}
    # Of what a waiting sender posted, progress is kept until retention, for its repeat; here no step succeeds.
    envelope = {"event_id": "e1", "data": {"event_type": "early/Event", "variables": {"form": "said"}}}
    api = {"authorization": f"Bearer {CANARIES['API_TOKEN']}"}
    return [
        httpx2.post(f"{system.url}/espf", json=event, headers={"authorization": f"Basic {wrong}", **headers}),
        httpx2.post(f"{system.url}/process-event", json=envelope, headers={"authorization": f"Bearer {wrong}"}),
        httpx2.post(f"{system.url}/process-event", json=envelope, headers=api),
        httpx2.post(f"{system.url}/process-event", content=b"{", headers=api),
        httpx2.post(f"{system.url}/nowhere", json=event, headers={"authorization": f"Basic {wrong}"}),
        httpx2.get(f"{system.url}/nowhere?key={wrong}", headers={"authorization": f"Basic {wrong}"}),
        httpx2.get(f"{system.url}/espf", headers={"authorization": f"Basic {wrong}"}),
    ]


def progress_of(project: Path) -> list[Any]:
    with closing(sqlite3.connect(project / "var" / "nsps.db")) as connection:
        return connection.execute(
            "SELECT progress FROM deliveries WHERE progress != '' UNION SELECT progress FROM history WHERE progress != ''"
        ).fetchall()


def database(project: Path) -> bytes:
    """The files of the store; the events themselves, as they were posted, are needed as they are and left out."""
    file = project / "var" / "nsps.db"
    before = b"".join(each.read_bytes() for each in sorted(file.parent.iterdir()))
    with closing(sqlite3.connect(file)) as connection:
        for (body,) in connection.execute("SELECT body FROM events"):
            before = before.replace(body, b"")
    return before


def commands(system: Process) -> dict[str, bytes]:
    events = json.loads(system.command("events", "--format", "json", "--limit", "1000"))
    asked = [["validate"]]
    asked += [
        [name, *form] for name in ("events", "status", "refused", "doctor") for form in ([], ["--format", "json"])
    ]
    for event in {event["event_type"]: event["id"] for event in events}.values():
        asked += [["show", event], ["show", event, "--full"], ["show", event, "--format", "json"]]
        asked += [["why", event], ["why", event, "--format", "json"]]
    for kind in (*AUTHS, "early"):
        event_file = system.project.parent / f"{kind}.json"
        event_file.write_text(json.dumps({"event_type": f"{kind}/Event", "variables": {"form": "said", **ARGUMENTS}}))
        asked += [["dry-run", str(event_file), *more] for more in ([], ["--full"], ["--format", "json"])]
    return system.commands(asked)


@pytest.mark.parametrize("name", [*CANARIES, *GIVEN])
def test_no_credential_and_no_session_is_found_in_anything_a_process_leaves_behind(
    left_behind: dict[str, bytes], name: str
) -> None:
    found = leaks(left_behind, {name: {**CANARIES, **GIVEN}[name]})
    assert found == [], "\n".join(found[:5])


def test_no_argument_declared_secret_is_found_either_not_even_of_a_step_that_was_never_reached(
    left_behind: dict[str, bytes],
) -> None:
    given = {file: text for file, text in left_behind.items() if file != "answers"}
    found = leaks(given, {"ki": KI, "opc": OPC, "pin": PIN})
    assert found == [], "\n".join(found[:5])
