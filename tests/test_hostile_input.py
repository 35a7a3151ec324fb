"""Whatever strangers and broken senders put on the wire: the process answers or closes, stays small, and takes the next event."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
import zlib
from base64 import b64encode
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from structlog.testing import capture_logs

from engine.connection import MOST_HEAD_BYTES, Connection
from engine.serving import listen, serving
from engine.storage.protocol import EventFilter
from tests.running import Whole, whole
from tests.target import SECRETS

PAIR = b64encode(f"espf:{SECRETS['ESPF_PASSWORD']}".encode()).decode()
AUTH = f"Authorization: Basic {PAIR}\r\n"
EVENT = {"event_type": "SIM/Updated", "variables": {"i_event": 1, "i_account": 5}}
MIB = 1024 * 1024


@pytest.fixture
async def system(tmp_path: Path) -> AsyncIterator[Whole]:
    """A process; at the end it must still take and deliver an event."""
    async with whole(tmp_path / "project") as running:
        yield running
        assert (await running.espf(4_711)).status_code == 200
        await running.settled("4711", "delivered")


async def say(system: Whole, *pieces: bytes, read: bool = True) -> bytes:
    """What comes back until the connection is closed, or an answer is whole."""
    parts = urlsplit(system.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        async with asyncio.timeout(20):
            return await _answer(reader) if read else b""
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def _answer(reader: asyncio.StreamReader) -> bytes:
    came = b""
    while piece := await reader.read(65536):
        came += piece
        if b"\r\n\r\n" in came.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n"):
            break
    return came


def status(answer: bytes) -> int:
    """The status of an answer; 0 where the connection was closed without one."""
    return int(answer.split(b" ", 2)[1]) if answer else 0


def post(body: bytes, headers: str = AUTH, path: str = "/espf", version: str = "1.1") -> bytes:
    head = f"POST {path} HTTP/{version}\r\nHost: x\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    return head.encode("latin-1") + body


def event(**more: object) -> bytes:
    return json.dumps({**EVENT, **more}).encode()


def chunked(chunks: Iterable[bytes], end: bytes = b"0\r\n\r\n", headers: str = AUTH) -> bytes:
    head = f"POST /espf HTTP/1.1\r\nHost: x\r\n{headers}Transfer-Encoding: chunked\r\n\r\n".encode()
    return head + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + end


def memory_mib() -> float:
    """Resident memory of this process, which the receiver is in."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / MIB


# --- bodies -----------------------------------------------------------------------------------------------------------

DEEP = 100_000
BODIES = {
    "a hundred thousand lists deep": b'{"event_type":"SIM/Updated","variables":{"x":'
    + b"[" * DEEP
    + b"]" * DEEP
    + b"}}",
    "a hundred thousand objects deep": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "brackets that never close": b"[" * DEEP,
    "a duplicate key": b'{"event_type":"SIM/Updated","variables":{"i_account":1,"i_account":2}}',
    "a duplicate key written otherwise": b'{"event_type":"SIM/Updated","variables":{"i_account":1,"i_\\u0061ccount":2}}',
    "NaN": b'{"event_type":"SIM/Updated","variables":{"x":NaN}}',
    "Infinity": b'{"event_type":"SIM/Updated","variables":{"x":-Infinity}}',
    "a number beyond every float": b'{"event_type":"SIM/Updated","variables":{"x":1e400}}',
    "an integer of a million digits": b'{"event_type":"SIM/Updated","variables":{"x":' + b"9" * 900_000 + b"}}",
    "a lone surrogate": b'{"event_type":"SIM/Updated","variables":{"x":"\\ud800"}}',
    "a lone surrogate in a key": b'{"event_type":"SIM/Updated","variables":{"\\udfff":1}}',
    "bytes that are no UTF-8": b'{"event_type":"SIM/Updated","variables":{"x":"\xff\xfe"}}',
    "UTF-16": event().decode().encode("utf-16"),
    "a gzip": gzip.compress(event()),
    "a gzip bomb": gzip.compress(b"[" * (50 * MIB)),
    "nothing": b"",
    "white space": b" \r\n\t",
    "two events": event() + event(),
    "a text": b'"SIM/Updated"',
    "form data": b"event_type=SIM%2FUpdated&i_event=1",
    "XML with entities": b'<!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>',
    "NUL bytes": b"\0" * 1000,
    "control characters in its type": b'{"event_type":"SIM/Updated\\u001b[2J","variables":{}}',
    "a bidi override in its type": '{"event_type":"SIM/\u202eUpdated","variables":{}}'.encode(),
    "a type of a mebibyte less a bit": b'{"event_type":"' + b"x" * 1_000_000 + b'","variables":{}}',
}


async def test_what_is_no_event_is_answered_400_and_kept(system: Whole) -> None:
    assert {name: status(await say(system, post(body))) for name, body in BODIES.items()} == dict.fromkeys(BODIES, 400)
    assert len(await system.parts.store.refusals(100)) == len(BODIES)


CODED = {
    "gzip": ("Content-Encoding: gzip\r\n", gzip.compress(event()), "Content-Encoding 'gzip' is not read here"),
    "deflate": ("content-encoding: deflate\r\n", zlib.compress(event()), "Content-Encoding 'deflate' is not read here"),
    "gzip that is not said": ("", gzip.compress(event()), "it is compressed with gzip"),
    "no coding": ("Content-Encoding: identity\r\n", b"{", "the body is not JSON"),
}


@pytest.mark.parametrize("receiver", ["/espf", "/process-event"])
@pytest.mark.parametrize("name", CODED)
async def test_a_compressed_body_is_refused_in_words_that_name_its_coding(
    system: Whole, name: str, receiver: str
) -> None:
    header, body, why = CODED[name]
    token = AUTH if receiver == "/espf" else f"Authorization: Bearer {SECRETS['API_TOKEN']}\r\n"
    came = await say(system, post(body, token + header, receiver))
    assert status(came) == (400 if receiver == "/espf" else 422)
    (kept,) = await system.parts.store.refusals(10)
    assert why in kept.reason and kept.body == body
    assert ("send the body as it is" in kept.reason) == (name != "no coding")


BESIDE = [
    "Content-Type: text/html\r\n",
    "Content-Type: application/json; charset=utf-16\r\n",
    "Content-Type: \x80\xff\r\n",
    "Content-Encoding: gzip\r\n",
    "Expect: 100-continue\r\n",
    "X-B3-TraceId: ../../etc/passwd\r\n",
    "X-B3-TraceId: " + "f" * 5000 + "\r\n",
    "Connection: Upgrade\r\nUpgrade: websocket\r\n",
    "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAA\r\n",
]


async def test_an_event_is_taken_whatever_else_its_headers_say(system: Whole) -> None:
    for number, headers in enumerate(BESIDE, start=100):
        came = await say(system, post(event(variables={"i_event": number}), AUTH + headers))
        assert status(came.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")) == 200, headers
        assert (await system.event(str(number))).i_event == str(number)


# --- framing ----------------------------------------------------------------------------------------------------------

NO_REQUESTS = {
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20,
    "a bad version": b"POST /espf HTTP/9.9\r\nHost: x\r\n\r\n",
    "no version": b"POST /espf\r\n\r\n",
    "a length that is no number": post(b"").replace(b"Content-Length: 0", b"Content-Length: many"),
    "a negative length": post(b"").replace(b"Content-Length: 0", b"Content-Length: -1"),
    "a length beyond 64 bits": post(b"").replace(b"Content-Length: 0", b"Content-Length: 99999999999999999999999"),
    "two lengths": post(event(), AUTH + "Content-Length: 3\r\n"),
    "length and chunks": post(b"0\r\n\r\n" + event(), AUTH + "Transfer-Encoding: chunked\r\n"),
    "an unknown transfer coding": post(event(), AUTH + "Transfer-Encoding: xchunked\r\n"),
    "a chunk size that is no number": chunked([], b"zz\r\nabc\r\n"),
    "a chunk size beyond 64 bits": chunked([], b"fffffffffffffffffff\r\n"),
    "a folded header": post(event(), AUTH + "X-A: 1\r\n folded: 2\r\n"),
    "a space before the colon": post(event(), AUTH + "X-A : 1\r\n"),
    "a NUL in a header": post(event(), AUTH + "X-A: \0\r\n"),
    "a bare line feed within a header": post(event(), "X-A: 1\nAuthorization: x\r\n\x01"),
    "an unknown method": b"HACK /espf HTTP/1.1\r\nHost: x\r\n\r\n",
    "a CONNECT": b"CONNECT example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n",
}


async def test_what_is_no_request_is_told_so_or_hung_up_on_and_never_taken(system: Whole) -> None:
    for name, sent in NO_REQUESTS.items():
        assert status(await say(system, sent)) in (0, 401, 503), name
    assert await system.parts.store.events(EventFilter(limit=10)) == []


async def test_a_request_that_cannot_be_read_is_to_come_again_and_the_log_says_what_is_wrong_with_it() -> None:
    wrong = {
        "it is no HTTP request: Invalid character in Content-Length": NO_REQUESTS["a length that is no number"],
        "it is no HTTP request: Invalid character in chunk size": NO_REQUESTS["a chunk size that is no number"],
        "the request line and headers, or what frames the body, are larger than 64 KiB": headed(MOST_HEAD_BYTES + 1),
    }
    with capture_logs() as logs:
        for sent in wrong.values():
            assert b"503 Service Unavailable" in await hung_up(sent)
    assert [line["why"] for line in logs] == list(wrong)
    assert {line["path"] for line in logs} == {"/espf"}


def headed(size: int) -> bytes:
    """A post whose head has this many bytes, with the empty line."""
    plain = post(event(), AUTH + "x-long: \r\n")
    rest = size - (len(plain) - len(event()))
    return post(event(), AUTH + "x-long: " + "y" * rest + "\r\n")


@pytest.mark.parametrize("cut", [0, 40_000])
async def test_a_head_may_have_64_kib_and_not_one_byte_more(system: Whole, cut: int) -> None:
    most, more = headed(MOST_HEAD_BYTES), headed(MOST_HEAD_BYTES + 1)
    assert len(most) - len(event()) == MOST_HEAD_BYTES
    assert status(await say(system, most[:cut], most[cut:])) == 200
    assert status(await say(system, more[:cut], more[cut:])) == 503
    assert status(await say(system, headed(100_000))) == 503


async def test_http_1_0_is_answered_and_closed(system: Whole) -> None:
    assert status(await say(system, post(event(), version="1.0"))) == 200


async def test_pipelined_events_are_all_taken(system: Whole) -> None:
    many = b"".join(post(event(variables={"i_event": number, "i_account": number})) for number in range(100, 150))
    parts = urlsplit(system.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(many)
    came = b""
    async with asyncio.timeout(20):
        while came.count(b"HTTP/1.1 200") < 50:
            came += await reader.read(65536)
    writer.close()


async def test_a_request_smuggled_into_a_body_is_a_body(system: Whole) -> None:
    inside = post(event())
    assert status(await say(system, post(inside))) == 400
    assert await system.parts.store.events(EventFilter(limit=10)) == []


PATHS = [
    "/espf/../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//espf", "/espf/", "/ESPF", "/espf%00", "/espf;a=b",
    "/health/../espf", "/" + "a" * 30_000, "/%ff%fe", "/%0d%0aX-Injected:%201", "/espf%20",
]  # fmt: skip


async def test_only_its_own_path_leads_to_a_receiver_and_no_path_leads_into_files(system: Whole) -> None:
    for path in PATHS:
        came = await say(system, post(event(), path=path))
        assert status(came) in (400, 404, 405), path
        assert b"root:" not in came
        assert b"X-Injected" not in came.split(b"\r\n\r\n")[0]
    assert await system.parts.store.events(EventFilter(limit=10)) == []


async def test_other_methods_are_refused_everywhere_and_repeat_nothing(system: Whole) -> None:
    methods = ("GET", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "PROPFIND")
    for method, path in itertools.product(methods, ("/espf", "/process-event", "/nothing")):
        came = await say(system, f"{method} {path} HTTP/1.1\r\nHost: x\r\nX-Secret: canary\r\n\r\n".encode())
        assert status(came) in (404, 405)
        assert b"canary" not in came


# --- endless ----------------------------------------------------------------------------------------------------------

ENDLESS = {
    "headers": (b"POST /espf HTTP/1.1\r\n", b"x-header: " + b"y" * 60_000 + b"\r\n"),
    "one header": (b"POST /espf HTTP/1.1\r\nx: ", b"y" * 65_536),
    "a header's name": (b"POST /espf HTTP/1.1\r\n", b"y" * 65_536),
    "a path": (b"POST /", b"y" * 65_536),
    "a method": (b"", b"P" * 65_536),
    "trailers": (chunked([b"{}"], b"0\r\n"), b"x-header: " + b"y" * 60_000 + b"\r\n"),
    "one trailer": (chunked([b"{}"], b"0\r\nx: "), b"y" * 65_536),
    "a chunk's extension": (chunked([], b"5;"), b"y" * 65_536),
    "chunks of one byte with long extensions": (chunked([], b""), b"1;" + b"y" * 65_000 + b"\r\nx\r\n"),
    "chunks": (chunked([], b""), b"10000\r\n" + b"y" * 65_536 + b"\r\n"),
    "chunks of a stranger": (chunked([], b"", headers=""), b"10000\r\n" + b"y" * 65_536 + b"\r\n"),
    "a body of a terabyte": (post(b"").replace(b"Content-Length: 0", b"Content-Length: 1099511627776"), b"y" * 65_536),
}


async def test_what_never_ends_is_cut_off_after_a_bounded_amount(system: Whole) -> None:
    before = memory_mib()
    for name, (begin, more) in ENDLESS.items():
        came = await say(system, begin, *[more] * 1600)  # a hundred megabytes, if anybody took them
        assert status(came) in (0, 413, 503), name
        assert memory_mib() - before < 60, name


class Impatient(Connection):
    head_within_s = 0.2


async def hung_up(*pieces: bytes) -> bytes:
    """What comes back until an impatient server hangs up."""
    listening = listen("127.0.0.1", 0)
    async with serving(_ok, listening, 1, Impatient):
        reader, writer = await asyncio.open_connection(*listening.getsockname())
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        async with asyncio.timeout(20):
            came = await reader.read()
        writer.close()
    return came


async def _ok(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


async def test_heads_that_drip_or_never_begin_are_hung_up_on() -> None:
    assert [await hung_up(), await hung_up(b"POST /espf HTTP/1.1\r\nX-A: ")] == [b"", b""]


async def test_a_second_head_on_a_connection_has_no_more_time_than_the_first() -> None:
    came = await hung_up(post(b""), b"POST /espf HTTP/1.1\r\nX-A: ")
    assert came.count(b"200 OK") == 1


class Forgetful(Connection):
    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.timeout_keep_alive = 0.3  # type: ignore[assignment]


LAST = {
    "nothing": b"",
    "line ends, which are no request (RFC 9112 §2.2)": b"\r\n",
    "a request that is answered before its body came": b"GET / HTTP/1.1\r\nContent-Length: 9\r\n\r\n1",
}


@pytest.mark.parametrize("last", LAST)
async def test_a_connection_is_kept_while_requests_come_and_hung_up_on_once_none_does(last: str) -> None:
    listening = listen("127.0.0.1", 0)
    async with serving(_ok, listening, 1, Forgetful), asyncio.timeout(20):
        reader, writer = await asyncio.open_connection(*listening.getsockname())
        for _ in range(4):
            writer.write(post(b""))
            assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
            await asyncio.sleep(0.15)
        writer.write(LAST[last])
        assert (await reader.read()).count(b"200 OK") == LAST[last].count(b"GET")
        writer.close()


async def test_a_large_but_honest_head_is_taken(system: Whole) -> None:
    headers = "".join(f"x-header-{number}: {'y' * 1000}\r\n" for number in range(MOST_HEAD_BYTES // 1100))
    assert status(await say(system, post(event(), AUTH + headers))) == 200


async def test_strangers_that_drip_their_bodies_do_not_crowd_senders_out(system: Whole) -> None:
    parts = urlsplit(system.url)
    held = [await asyncio.open_connection(parts.hostname, parts.port) for _ in range(300)]
    for _, writer in held:
        writer.write(b"POST /espf HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n{")
        await writer.drain()
    assert (await system.espf(2)).status_code == 200
    assert status(await say(system, post(event(), headers=""))) == 503, "one stranger more is told to come again"
    for _, writer in held:
        writer.close()


# --- credentials ------------------------------------------------------------------------------------------------------

WRONG = {
    "none": "",
    "empty": "Authorization: \r\n",
    "only a scheme": "Authorization: Basic\r\n",
    "an empty pair": "Authorization: Basic " + b64encode(b":").decode() + "\r\n",
    "no base64": "Authorization: Basic !!!!\r\n",
    "base64 that is not ASCII": "Authorization: Basic \xe9\xe9\xe9\xe9\r\n",
    "a long one": "Authorization: Basic " + "A" * 60_000 + "\r\n",
    "an empty password": "Authorization: Basic " + b64encode(b"espf:").decode() + "\r\n",
    "the beginning of the password": "Authorization: Basic " + b64encode(b"espf:pass-word-").decode() + "\r\n",
    "the password and more": "Authorization: Basic " + b64encode(b"espf:pass-word-1\0").decode() + "\r\n",
    "another user": "Authorization: Basic " + b64encode(b"ESPF:pass-word-1").decode() + "\r\n",
    "right and wrong": AUTH + "Authorization: Basic eDp5\r\n",
    "right twice": AUTH + AUTH,
    "two in one": f"Authorization: Basic eDp5, Basic {PAIR}\r\n",
    "another scheme": f"Authorization: Bearer {PAIR}\r\n",
    "the word as it is": f"Authorization: Basic espf:{SECRETS['ESPF_PASSWORD']}\r\n",
    "another header": f"Proxy-Authorization: Basic {PAIR}\r\n",
    "an underscore in the name": f"Authorization_: Basic {PAIR}\r\n",
    "the other receiver's token": f"Authorization: Bearer {SECRETS['API_TOKEN']}\r\n",
}


async def test_wrong_credentials_are_401_and_kept_nowhere(system: Whole) -> None:
    answers = {name: status(await say(system, post(event(), headers))) for name, headers in WRONG.items()}
    assert answers == dict.fromkeys(WRONG, 401)
    kept = await system.parts.store.refusals(100)
    assert len(kept) == len(WRONG)
    assert not [text for one in kept for text in one.headers.values() if PAIR in text or "pass-word" in text]
    assert await system.parts.store.events(EventFilter(limit=10)) == []


# --- floods -----------------------------------------------------------------------------------------------------------


async def test_a_flood_of_refused_posts_does_not_fill_the_disk(system: Whole, tmp_path: Path) -> None:
    files = tmp_path / "project" / "var"

    def size_mib() -> float:
        return sum(file.stat().st_size for file in files.iterdir()) / MIB

    flood = [say(system, post(b"x" * 500_000, headers="")) for _ in range(200)]
    answers = [status(await one) for one in flood]
    assert set(answers) == {401}
    assert (await system.parts.store.counts())["refused"] == 200, "all are counted"
    assert len(await system.parts.store.refusals(1000)) == 60, "of one sender 60 a minute are kept"
    assert size_mib() < 60 * 0.5 * 2 + 10, "their bodies, in the file and in its log"


async def test_a_flood_that_is_no_http_is_told_at_most_once(system: Whole, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(50):
        assert status(await say(system, b"nonsense\r\n\r\n")) == 503
    assert capsys.readouterr().err.count("could not be read") <= 1
