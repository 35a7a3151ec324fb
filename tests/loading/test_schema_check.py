"""Schema problems: one message for each cause, at its place, that says what to write."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from engine.loading.schema_check import check_schema
from engine.loading.source import parse
from engine.problem import Problem

ROOT = Path(__file__).resolve().parents[2]
HEAD = "connector: hss\ntransport: http\nbase_url: https://hss.example.com\n"
PING = "operations:\n  ping:\n    request: {method: GET, path: /}\n"


def problems(text: str, schema: str = "connector") -> list[Problem]:
    source = parse(text, "f.yaml")
    assert not source.problems
    return check_schema(source, schema)


def said(problem: Problem) -> str:
    """A problem as `code line:column length message (label) | notes`, without the list of all fields."""
    label = f" ({problem.label})" if problem.label else ""
    notes = "".join(f" | {note}" for note in problem.notes if not note.startswith("fields allowed here"))
    return (
        f"{problem.code} {problem.place.line}:{problem.place.column} {problem.length} {problem.message}{label}{notes}"
    )


def only(text: str, schema: str = "connector") -> str:
    found = problems(text, schema)
    assert len(found) == 1, found
    return said(found[0])


@pytest.mark.parametrize("file", ["nsps.yaml", *(str(f.relative_to(ROOT)) for f in sorted(ROOT.glob("*s/*.yaml")))])
def test_what_ships_fits_the_schemas(file: str) -> None:
    kinds = {"connectors": "connector", "pipelines": "pipeline"}
    kind = "test" if file.endswith(".test.yaml") else kinds.get(file.split("/", maxsplit=1)[0], "nsps")
    assert problems((ROOT / file).read_text(), kind) == []


def test_an_unknown_field_is_shown_with_all_that_is_allowed() -> None:
    problem = problems(HEAD + "timeuot: 5s\n" + PING)[0]
    assert said(problem) == (
        "NSPS104 4:1 7 unknown field `timeuot` in connector `hss` (a connector has no such field) | did you mean `timeout`?"
    )
    assert problem.notes[-1] == (
        "fields allowed here: auth, base_url, breaker, config, connector, description, enrichments, headers, limits, "
        "max_reply, operations, probe, proxy, reply, timeout, tls, transport, verdicts, windows"
    )


def test_a_field_of_another_tools_words_is_understood() -> None:
    text = "pipeline: p\nevents: [SIM/Updated]\nfilter: data.x\ndispatch: [{action: a.b}]\n"
    assert [said(problem).split(" | ")[1] for problem in problems(text, "pipeline")] == [
        "did you mean `when`?",
        "did you mean `call`?",
    ]


def test_a_field_that_belongs_elsewhere_is_told_where() -> None:
    text = HEAD + "operations:\n  ping:\n    timeout: 5s\n    request: {method: GET, path: /}\n"
    assert only(text) == (
        "NSPS104 6:5 7 unknown field `timeout` in `operations.ping` (an operation with a request has no such field)"
        " | `timeout` is a field of a connector"
    )


def test_a_missing_field_says_what_to_write() -> None:
    text = HEAD + "operations:\n  ping:\n    request: {method: GET}\n"
    assert only(text) == (
        "NSPS105 6:5 7 missing field `path` in `operations.ping.request` | write:  path: /subscriber/imsi/{{ args.imsi }}"
    )


def test_a_misspelt_field_is_not_missing_too() -> None:
    assert only(HEAD.replace("base_url", "baseurl") + PING) == (
        "NSPS104 3:1 7 unknown field `baseurl` in connector `hss` (a connector has no such field)"
        " | did you mean `base_url`?"
    )


def test_a_misspelt_discriminating_field_is_not_missing_too() -> None:
    assert only(HEAD + "operations:\n  ping:\n    reqest: {method: GET, path: /}\n").startswith(
        "NSPS104 6:5 6 unknown field `reqest`"
    )


LINES = """
timeout: 30
    NSPS106 4:10 2 `timeout` should be text (this is a number)
    write its unit, such as 30s
    for example: 30s
timeout:
    NSPS106 4:1 7 `timeout` has no value; it should be text
    write a value, or delete the line
    for example: 30s
max_reply: 4
    NSPS106 4:12 1 `max_reply` should be text (this is a number)
    write its unit, such as 4MiB
    for example: 4MiB
tls: {verify: no}
    NSPS106 4:15 2 `tls.verify` should be true or false (this is text)
    write:  false
    for example: true
tls: {verify: True}
    NSPS106 4:15 4 `tls.verify` should be true or false (this is text)
    write:  true
    for example: true
headers: {x-a: 5}
    NSPS106 4:16 1 `headers.x-a` should be text (this is a number)
    quote it: "5"
    for example: nsps
limits: 50/s
    NSPS106 4:9 4 `limits` should be a mapping (this is text)
    for example: {rate: 50/s, concurrency: 16}
limits: {concurrency: '16'}
    NSPS106 4:24 2 `limits.concurrency` should be a whole number (this is text)
    write it without quotes: 16
    for example: 16
timeout: soon
    NSPS108 4:10 4 `soon` cannot be a duration
    A number and `ms`, `s`, `m`, `h` or `d`.
    for example: 30s
limits: {rate: fast}
    NSPS108 4:16 4 `fast` cannot be a rate
    Calls per `s`, `m`, `h` or `d`.
    for example: 50/s
max_reply: 4MB
    NSPS108 4:12 3 `4MB` cannot be a size
    A number and `B`, `KiB`, `MiB` or `GiB`.
    for example: 4MiB
probe: Ping
    NSPS108 4:8 4 `Ping` cannot be a name
    write:  ping
    Lower-case letters, digits and `_`; begins with a letter.
    for example: ping
headers: {a b: x}
    NSPS108 4:11 3 `a b` cannot be a header name
    Letters, digits and hyphens (RFC 9110 §5.1).
reply: yaml
    NSPS107 4:8 4 `yaml` is no choice for `reply`
    one of: json, xml, text
reply: jsn
    NSPS107 4:8 3 `jsn` is no choice for `reply`
    did you mean `json`?
    one of: json, xml, text
limits: {concurrency: 0}
    NSPS110 4:23 1 `limits.concurrency` is `0`, but must be at least 1
    for example: 16
limits: {}
    NSPS110 4:9 2 `limits` is empty
    for example: {rate: 50/s, concurrency: 16}
tls: {cert: a.pem}
    NSPS105 4:7 4 `cert` needs `key` beside it in `tls`
auth: bearer
    NSPS106 4:7 6 `auth` should be a mapping (this is text)
    for example: {kind: bearer, token: "${secret:WTL_API_TOKEN}"}
auth: {kind: barer}
    NSPS107 4:14 5 `barer` is no `kind` of `auth`
    did you mean `bearer`?
    one of: none, basic, bearer, header, query, oauth2_client_credentials, session
auth: {kind: bearer, tokn: x}
    NSPS104 4:22 4 unknown field `tokn` in `auth` (a bearer authentication has no such field)
    did you mean `token`?
"""


def lines_and_messages() -> list[tuple[str, str]]:
    """LINES as pairs: a line, and what is said about it."""
    blocks = re.split(r"\n(?! )", LINES.strip())
    return [(block.split("\n")[0], " | ".join(part.strip() for part in block.split("\n")[1:])) for block in blocks]


@pytest.mark.parametrize(("line", "message"), lines_and_messages())
def test_a_line_that_does_not_fit_gives_one_message(line: str, message: str) -> None:
    assert only(HEAD + line + "\n" + PING) == message


def test_the_kind_of_auth_is_never_guessed() -> None:
    message = only(HEAD + "auth: {token: x}\n" + PING)
    assert message.startswith("NSPS105 4:7 10 missing field `kind` in `auth` | write:  kind: ")
    assert message.endswith("one of: none, basic, bearer, header, query, oauth2_client_credentials, session")


def test_an_operation_has_a_request_or_steps() -> None:
    assert only(HEAD + "operations:\n  ping:\n    description: x\n") == (
        "NSPS109 5:3 4 `operations.ping` needs `request` or `steps`"
    )
    assert only(HEAD + PING + "    steps: [{call: x}]\n") == (
        "NSPS109 7:5 5 `request` and `steps` exclude each other in `operations.ping` | keep one of them"
    )


def test_a_request_has_one_body() -> None:
    text = (
        HEAD + "operations:\n  ping:\n    request:\n      method: POST\n      path: /\n      json: {}\n      form: {}\n"
    )
    assert only(text) == (
        "NSPS109 10:7 4 `json` and `form` exclude each other in `operations.ping.request` | keep one of them"
    )


def test_a_name_in_other_spelling_is_put_right() -> None:
    text = HEAD + "operations:\n  syncSub-1:\n    args: {Imsi?: {type: string}}\n    request: {method: GET, path: /}\n"
    assert [said(problem).split(" | ")[:2] for problem in problems(text)] == [
        ["NSPS108 5:3 9 `syncSub-1` cannot be a name", "write:  sync_sub_1"],
        ["NSPS108 6:12 5 `Imsi?` cannot be a name", "write:  imsi?"],
    ]


def test_a_later_transport_is_the_only_thing_said_about_its_file() -> None:
    text = "connector: db\ntransport: sql\naddress: x\noperations:\n  put: {request: {statements: []}}\n"
    assert only(text) == (
        "NSPS111 2:12 3 transport `sql` comes later; this version has `http`"
        " | where the system has an HTTP API, write:  transport: http"
    )


def test_a_transport_nobody_knows_is_a_wrong_choice() -> None:
    assert only(HEAD.replace("http\n", "htp\n", 1) + PING) == (
        "NSPS107 2:12 3 `htp` is no choice for `transport` | did you mean `http`? | one of: http"
    )


def test_a_retry_phase_says_when_it_ends() -> None:
    text = "instance: a\nretries:\n  p:\n    main: {first: 5s, factor: 2, max: 10m}\n"
    assert only(text, "nsps") == "NSPS109 4:5 4 `retries.p.main` needs `for` or `attempts`"


def test_an_event_is_a_list_even_of_one() -> None:
    text = "pipeline: p\nevents: SIM/Updated\ndispatch: [{call: a.b}]\n"
    assert only(text, "pipeline") == (
        "NSPS106 2:9 11 `events` should be a list (this is text) | write a list:  [SIM/Updated]"
        ' | for example: [SIM/Updated, "Account/**"]'
    )


def test_an_enrichment_is_text_or_a_mapping_and_each_entry_is_judged_alone() -> None:
    text = "pipeline: p\nevents: [a]\nenrich: [a.b, {ask: c.d, optinal: true}, 5]\ndispatch: [{call: a.b}]\n"
    assert [said(problem) for problem in problems(text, "pipeline")] == [
        "NSPS104 3:26 7 unknown field `optinal` in `enrich[1]` (an enrichment entry has no such field)"
        " | did you mean `optional`?",
        "NSPS106 3:42 1 `enrich[2]` should be text or a mapping (this is a number)"
        ' | quote it: "5" | for example: portabilling.account_info, {ask: portabilling.sim_info, optional: true}',
    ]


def test_tests_are_of_a_pipeline_or_a_connector() -> None:
    assert only("tests: []\n", "test") == "NSPS109 1:1 9 this file needs `pipeline` or `connector`"


def test_a_test_has_an_event() -> None:
    text = "pipeline: p\ntests:\n  - name: x\n    expect: {outcome: deliverd}\n"
    assert [said(problem) for problem in problems(text, "test")] == [
        "NSPS109 3:5 7 `tests[0]` needs `event` or `events`",
        "NSPS107 4:23 8 `deliverd` is no choice for `outcome` | did you mean `delivered`?"
        " | one of: delivered, skipped, superseded, failed, retrying",
    ]


def test_an_empty_file_is_one_problem() -> None:
    assert only("# nothing\n") == "NSPS133 1:1 1 the file is empty | write something, or delete the file"


def test_a_list_in_place_of_a_connector_is_one_problem() -> None:
    assert only("- a\n").startswith("NSPS106 1:1 3 this file should be a mapping (this is a list)")


def test_a_file_that_could_not_be_read_is_not_judged_again() -> None:
    assert check_schema(parse("a: [", "f.yaml"), "connector") == []


def test_all_problems_come_at_once_in_the_order_of_the_file() -> None:
    text = HEAD + "timeout: soon\nreply: yaml\nlimts: {}\noperations:\n  a: {request: {method: GET}}\n  b: {}\n"
    assert [(problem.place.line, problem.code) for problem in problems(text)] == [
        (4, "NSPS108"),
        (5, "NSPS107"),
        (6, "NSPS104"),
        (8, "NSPS105"),
        (9, "NSPS109"),
    ]


@pytest.mark.parametrize(
    ("text", "schema"),
    [
        (HEAD + "proxy: ftp://nsps:hunter22@proxy\n" + PING, "connector"),
        (HEAD + "proxy: 8675309\n" + PING, "connector"),
        (HEAD + "auth: {kind: basic, user: a, password: 8675309}\n" + PING, "connector"),
        ("instance: a\nstore: mysql://nsps:hunter22@db/nsps\n", "nsps"),
        ("instance: a\nreceive: {nsps: {auth: {bearer: [8675309]}}}\n", "nsps"),
    ],
)
def test_a_secret_is_not_repeated_in_a_message(text: str, schema: str) -> None:
    told = only(text, schema)
    assert "hunter22" not in told
    assert "8675309" not in told


@pytest.mark.parametrize(
    "line",
    [
        "timeout: ${TIMEOUT:-30s}",
        "limits: {rate: '${RATE}'}",
        "max_reply: ${MAX_REPLY:-4MiB}",
        "proxy: ${PROXY_URL}",
        "timeout: 1.5s",
        "limits: {rate: 3000/m}",
    ],
)
def test_what_the_environment_says_may_stand_for_a_setting(line: str) -> None:
    assert problems(HEAD + line + "\n" + PING) == []


def test_expressions_may_be_built_of_yaml() -> None:
    text = (
        "pipeline: p\nevents: [SIM/Updated]\nwhen: true\norder: {key: [data.a, data.b]}\n"
        "map:\n  a: 5\n  b?: null\n  c: {d: vars.a, e: [true]}\ndispatch:\n  - {call: a.b, with: {x: 1}, for_each: [1, 2]}\n"
    )
    assert problems(text, "pipeline") == []


def test_what_the_reader_said_about_a_value_is_not_said_again() -> None:
    source = parse(HEAD + "limits: {concurrency: 016}\n" + PING, "f.yaml")
    assert [problem.code for problem in source.problems] == ["NSPS103"]
    assert check_schema(source, "connector") == []
