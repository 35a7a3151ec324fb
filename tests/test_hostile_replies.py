"""Whatever a system answers, and whatever an event holds: one ending, a bounded trace, and on the wire only the data itself."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote
from xml.etree import ElementTree

import pytest

from engine.management import commands as desk
from engine.storage.protocol import DeliveryRow, EventFilter
from tests.running import Whole, whole
from tests.target import NSPS, SECRETS

MIB = 1024 * 1024

CONNECTOR = """\
connector: target
transport: http
base_url: ${RAW_URL}
timeout: 3s
max_reply: 1MiB
operations:
  put:
    args: {key: {type: string}, value?: {}}
    request: {method: POST, path: /put, json: {key: "{{ args.key }}"}}
    verdicts:
      - {when: status == `400`, is: fail, reason: "refused: {{ body.error }}"}
    example: {body: {ok: true}}
"""


@asynccontextmanager
async def answering(answers: Iterator[list[bytes]]) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that answers each request with the next bytes, then hangs up; its URL and what it was sent."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            heard.append(head + await reader.readexactly(length))
            for piece in next(answers):
                writer.write(piece)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=4 * MIB)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", heard


def answer(body: bytes, headers: bytes = b"", status: bytes = b"200 OK") -> list[bytes]:
    return [b"HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n" % (status, headers, len(body)), body]


def endless(start: bytes, more: bytes) -> list[bytes]:
    return [b"HTTP/1.1 200 OK\r\n" + start, *[more] * 2000]


DEEP = 100_000
LAUGHS = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><x>&b;</x>'
JSON = b"Content-Type: application/json\r\n"

FAILS = {  # and what the reason says of it
    "a page": (answer(b"<html><body>Please log in</body></html>", b"Content-Type: text/html\r\n"), "not JSON (text/html)"),
    "a gigabyte announced": ([b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n", b"x" * 65536], "max_reply"),
    "a body without end": (endless(b"\r\n", b"x" * 65536), "max_reply"),
    "chunks without end": (endless(b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"x" * 65536 + b"\r\n"), "max_reply"),
    "a gzip bomb": (answer(gzip.compress(b"[" * 64 * MIB), b"Content-Encoding: gzip\r\n"), "max_reply"),
    "no gzip where it says so": (answer(b"{}", b"Content-Encoding: gzip\r\n"), "unpacked"),
    "headers without end": (endless(b"", b"x-a: " + b"y" * 60_000 + b"\r\n"), "headers"),
    "no status line": ([b"SSH-2.0-OpenSSH_9.6\r\n"], "not HTTP"),
    "a status that is no number": ([b"HTTP/1.1 OK 200\r\n\r\n"], "not HTTP"),
    "nothing": ([b""], "broke"),
    "a redirect elsewhere": (answer(b"", b"Location: http://192.0.2.1/\r\n", b"302 Found"), "HTTP 302"),
    "a redirect to a file": (answer(b"", b"Location: file:///etc/passwd\r\n", b"307 Temporary Redirect"), "HTTP 307"),
    "a billion laughs": (answer(LAUGHS, b"Content-Type: text/xml\r\n"), "not JSON"),
    "JSON a hundred thousand deep": (answer(b"[" * DEEP + b"]" * DEEP, JSON), "not JSON"),
    "objects a hundred thousand deep": (answer(b'{"a":' * DEEP + b"1" + b"}" * DEEP, JSON), "not JSON"),
    "NaN": (answer(b'{"a": NaN}', JSON), "not JSON"),
    "another charset": (answer('{"a": "é"}'.encode("utf-16"), b"Content-Type: application/json; charset=utf-8\r\n"), "not JSON"),
    "a teapot of template syntax": (answer(b'{"error": "{{ 7*7 }}{% for %}"}', JSON, b"400 Bad"), "refused: {{ 7*7 }}{% for %}"),
}  # fmt: skip
SUCCEEDS = {
    "a duplicate key": answer(b'{"a": 1, "a": 2}', JSON),
    "a number of a thousand digits": answer(b'{"a": ' + b"9" * 1000 + b"}", JSON),
    "a number beyond every float": answer(b'{"a": 1e308}', JSON),
    "a charset nobody knows": answer(b"{}", b"Content-Type: application/json; charset=utf-99\r\n"),
    "a body as large as may be": answer(b'{"a": "' + b"\xc3\xa9" * 400_000 + b'"}', JSON),
    "a thousand headers": answer(b"{}", b"".join(b"x-%d: y\r\n" % number for number in range(90))),
}


async def test_each_hostile_answer_comes_to_one_ending_with_a_bounded_trace(tmp_path: Path) -> None:
    hostile = {name: bytes_ for name, (bytes_, _) in FAILS.items()} | SUCCEEDS
    async with answering(iter(hostile.values())) as (url, heard), running(tmp_path, CONNECTOR, PUT, url) as system:
        environ = {**SECRETS, "RAW_URL": url, "TARGET_URL": url}
        for number, name in enumerate(hostile, start=1):
            ending = await ended(system, number, key=name)
            assert ending.state == ("failed" if name in FAILS else "delivered"), (name, ending.reason)
            if name in FAILS:
                assert FAILS[name][1] in ending.reason, name
            assert len(ending.reason) < 1500, name
            await desk.show(tmp_path / "project", environ, str(number), True, "json")
            (attempt,) = await system.parts.store.attempts(ending.id)
            assert len(attempt.trace) <= 64 * 1024, name
        assert len(heard) == len(hostile), "each was asked once, and nothing followed a redirect"


async def test_an_answer_that_drips_ends_with_the_time_limit(tmp_path: Path) -> None:
    def drip() -> Iterator[list[bytes]]:
        yield [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", *[b"x"] * 10]

    connector = CONNECTOR.replace("timeout: 3s", "timeout: 300ms")
    async with answering(drip()) as (url, _), running(tmp_path, connector, PUT, url) as system:
        ending = await ended(system, 1, key="x")
        assert ending.state == "failed"


PUT = """\
pipeline: main
events: ["SIM/*"]
retry: none
map: {key: data.variables.key}
dispatch:
  - call: target.put
"""


@asynccontextmanager
async def running(tmp_path: Path, connector: str, pipeline: str, url: str) -> AsyncIterator[Whole]:
    async with whole(tmp_path / "project", NSPS, pipeline, connector, RAW_URL=url) as system:
        yield system


async def ended(system: Whole, i_event: int, **variables: Any) -> DeliveryRow:
    """The row of the one delivery of an event, once it ended."""
    assert (await system.espf(i_event, **variables)).status_code == 200
    async with asyncio.timeout(20):
        while (await system.states(str(i_event)))[0] not in ("delivered", "failed", "skipped"):
            await asyncio.sleep(0.01)
    return (await system.event(str(i_event))).deliveries[0]


# --- what an event may hold -------------------------------------------------------------------------------------------

LITERAL = [
    "{{ 7*7 }}", "{% for x in y %}", "${HOME}", "${secret:API_TOKEN}", "'; DROP TABLE events; --", '" or ""="', "]]>",
    "<x>&amp;</x>", "&lt;", "..", "../../etc/passwd", "..%2f..%2f", "%2e%2e/", "a/b?c=d#e", "\u202eesrever", "é 日本 🙂",
    "\\u0041\\n", "`x`", "$(reboot)", "a\tb", "+ %20", "__class__", "null", "true", "0012", "1e5", "=1+1", "@x", "*",
]  # fmt: skip

WIRE = """\
connector: target
transport: http
base_url: ${RAW_URL}
timeout: 3s
operations:
  json:
    args: {value: {type: string}}
    request: {method: POST, path: "/json/{{ args.value }}", query: {q: "{{ args.value }}"}, json: {v: "{{ args.value }}", t: "<{{ args.value }}>"}}
    example: {}
  form:
    args: {value: {type: string}}
    request: {method: POST, path: /form, form: {v: "{{ args.value }}"}}
    example: {}
  xml:
    args: {value: {type: string}}
    request:
      method: POST
      path: /xml
      xml: <e a="{{ args.value }}">{{ args.value }}</e>
    reply: text
    example: {}
"""  # noqa: E501 - a line of YAML
ALL = """\
pipeline: main
events: ["SIM/*"]
retry: none
map: {value: data.variables.value}
dispatch:
  - {call: target.json, when: data.variables.way == 'json'}
  - {call: target.form, when: data.variables.way == 'form'}
  - {call: target.xml, when: data.variables.way == 'xml'}
"""


async def test_what_an_event_holds_leaves_as_that_very_data_escaped_for_its_place(tmp_path: Path) -> None:
    async with (
        answering(iter(answer(b"{}", JSON) for _ in range(3 * len(LITERAL)))) as (url, heard),
        running(tmp_path, WIRE, ALL, url) as system,
    ):
        for number, value in enumerate(LITERAL):
            for way in ("form", "xml", "json"):
                number_of_way = 1000 + number * 3 + ("form", "xml", "json").index(way)
                ending = await ended(system, number_of_way, value=value, way=way)
                if way == "json" and value == "..":
                    continue  # no segment of a path can be that: see below
                assert ending.state == "delivered", (value, way, ending.reason)
                assert_literal(way, value, heard[-1])


def assert_literal(way: str, value: str, sent: bytes) -> None:
    head, body = sent.split(b"\r\n\r\n", 1)
    target = head.split(b" ", 2)[1].decode("ascii")
    if way == "json":
        path, _, query = target.partition("?")
        assert path.removeprefix("/json/").count("/") == 0, "a value is one segment of a path"
        assert unquote(path.removeprefix("/json/")) == value
        assert parse_qs(query, keep_blank_values=True) == {"q": [value]}
        assert json.loads(body) == {"v": value, "t": f"<{value}>"}
    elif way == "form":
        assert parse_qs(body.decode("ascii")) == {"v": [value]}
    else:
        element = ElementTree.fromstring(body)
        assert (element.text, element.get("a"), len(element)) == (value, value.replace("\t", " "), 0)


@pytest.mark.parametrize("value", ["..", ".", "a\r\nX-Injected: 1", "a\nb", "\x00", "\x1b[2J", "\x7f"])
async def test_what_would_lead_elsewhere_or_break_a_header_ends_the_delivery_and_nothing_is_sent(
    tmp_path: Path, value: str
) -> None:
    connector = WIRE.replace("path: /form,", 'path: /form, headers: {x-value: "{{ args.value }}"},')
    async with answering(iter([])) as (url, heard), running(tmp_path, connector, ALL, url) as system:
        way = "json" if value in (".", "..") else "form"
        ending = await ended(system, 1, value=value, way=way)
        assert (ending.state, heard) == ("failed", [])


async def test_what_systems_say_reaches_a_keyboard_as_plain_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = "no\x1b[2J\x1b]0;owned\x07 \u202edereviled\u2069 <script>alert(1)</script>\nevent forged: delivered\r\x9b1A"
    body = json.dumps({"error": evil}).encode()
    async with (
        answering(iter([answer(body, JSON, b"400 Bad")])) as (url, _),
        running(tmp_path, CONNECTOR, PUT, url) as system,
    ):
        await ended(system, 1, key=f"key{evil}")
        environ, project = {**SECRETS, "RAW_URL": url, "TARGET_URL": url}, tmp_path / "project"
        capsys.readouterr()
        await desk.events(project, environ, EventFilter(limit=10), None, "text")
        await desk.show(project, environ, "1", True, "text")
        await desk.show(project, environ, "1", True, "json")
        await desk.why(project, environ, "1", "text")
        out = capsys.readouterr().out
    assert not [char for char in out if (ord(char) < 32 and char != "\n") or 127 <= ord(char) < 160]
    assert not {"\u202e", "\u2069"} & set(out)
    assert "\\u001b[2J" in out
    assert not [line for line in out.splitlines() if line.startswith("event forged")]
