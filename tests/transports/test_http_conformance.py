"""What HTTP/1.1 lets a server do, and what it forbids: RFC 9110, RFC 9112. Real sockets, no stand-ins."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import zlib
from contextlib import suppress
from typing import Any

import pytest

from engine.connector import Tls
from engine.errors import OursFailed
from engine.request import HttpRequest
from tests.transports.test_conformance import GET, ask, asking_for_identity, echo_ok, pump, unused_port

OK = b"HTTP/1.1 200 OK\r\n"
HEAD = HttpRequest(method="HEAD", path="/x")


def saying(*pieces: bytes) -> Any:
    """A server that answers each request with these bytes and keeps the connection open."""

    async def handle(conversation: Any) -> None:
        while True:
            await conversation.request()
            for piece in pieces:
                await conversation.say(piece)
                await asyncio.sleep(0)

    return handle


def once(answer: bytes) -> Any:
    """A server that answers one request of a connection, then hangs up."""

    async def handle(conversation: Any) -> None:
        await conversation.request()
        await conversation.say(answer)

    return handle


# --- where an answer ends ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "interim", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 3]
)
async def test_interim_answers_go_before_the_answer(servers, reach, interim):
    heard = await servers.start(saying(interim, OK + b"Content-Length: 2\r\n\r\n{}"))
    transport = reach(heard.port)
    for _ in range(2):
        reply = await ask(transport)
        assert (reply.status, reply.body, reply.error) == (200, {}, None)
        assert "link" not in reply.headers
    assert heard.connections == 1


async def test_interim_answers_without_end_are_bounded(servers, reach):
    async def endless(conversation: Any) -> None:
        await conversation.request()
        while True:
            await conversation.say(b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n" * 1000)

    heard = await servers.start(endless)
    assert (await ask(reach(heard.port))).error == "unreadable"


@pytest.mark.parametrize("framing", [b"Content-Length: 1000000000\r\n", b"Transfer-Encoding: chunked\r\n", b""])
async def test_the_answer_to_head_has_no_body(servers, reach, framing):
    heard = await servers.start(saying(OK + framing + b"X: y\r\n\r\n"))
    transport = reach(heard.port)
    for _ in range(2):
        reply = await ask(transport, HEAD)
        assert (reply.status, reply.text, reply.headers["x"], reply.error) == (200, "", "y", None)


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
async def test_an_answer_that_has_no_body_by_its_status_ends_with_its_head(servers, reach, status):
    heard = await servers.start(saying(b"HTTP/1.1 " + status + b"\r\nX: y\r\n\r\n"))
    transport = reach(heard.port)
    for _ in range(2):
        reply = await ask(transport)
        assert (reply.text, reply.error) == ("", None)
    assert heard.connections == 1


@pytest.mark.parametrize("head", [OK, b"HTTP/1.0 200 OK\r\n", OK + b"Transfer-Encoding: identity\r\n"])
async def test_a_body_without_a_length_ends_with_the_connection(servers, reach, head):
    heard = await servers.start(once(head + b"\r\n[1, 2]"))
    assert (await ask(reach(heard.port))).body == [1, 2]


async def test_chunk_extensions_and_trailers_are_read_and_left_out(servers, reach):
    chunks = b'3;name="value"\r\n[1,\r\n2 ;x\r\n2]\r\n0;last\r\nExpires: never\r\nX: trailer\r\n\r\n'
    heard = await servers.start(saying(OK + b"X: head\r\nTransfer-Encoding: chunked\r\n\r\n", chunks))
    transport = reach(heard.port)
    for _ in range(2):
        reply = await ask(transport)
        assert (reply.body, reply.headers["x"]) == ([1, 2], "head")
        assert "expires" not in reply.headers
    assert heard.connections == 1


@pytest.mark.parametrize(
    "more", [b"2;" + b"a" * 65536, b"0\r\nX: " + b"a" * 65536, b"1\r\na\r\n0\r\n" + b"a: b\r\n" * 20_000]
)
async def test_extensions_and_trailers_without_end_are_bounded(servers, reach, more):
    async def endless(conversation: Any) -> None:
        await conversation.request()
        await conversation.say(OK + b"Transfer-Encoding: chunked\r\n\r\n" + more)
        while True:
            await conversation.say(b"a" * 65536)

    heard = await servers.start(endless)
    assert (await ask(reach(heard.port))).error in {"unreadable", "lost"}


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", "Content-Length"),
        (OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ", "Content-Length"),
        (OK + b"Content-Length: -2\r\n\r\n{}", "Content-Length"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", "chunk size"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}\r\n0\r\n\r\n", "overflow"),
        (OK + b"X: a\x00b\r\nContent-Length: 2\r\n\r\n{}", "not HTTP"),
        (b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", "not HTTP/1.1"),
        (b"RTSP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", "not HTTP/1.1"),
        (b"HTTP/1.1 099 Odd\r\nContent-Length: 2\r\n\r\n{}", "not HTTP/1.1"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n{}", "another protocol"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n{}", "another protocol"),
    ],
)
async def test_what_breaks_the_rules_is_lost_and_says_so(servers, reach, answer, says):
    heard = await servers.start(saying(answer))
    reply = await ask(reach(heard.port))
    assert (reply.error, reply.body) == ("lost", None)
    assert says in reply.detail


async def test_an_answer_that_comes_byte_by_byte_is_read_like_any_other(servers, reach):
    whole = b"\r\n" + OK + b"X: y \r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    heard = await servers.start(saying(*(whole[at : at + 1] for at in range(len(whole)))))
    transport = reach(heard.port)
    for _ in range(2):
        reply = await ask(transport)
        assert (reply.body, reply.headers["x"], reply.error) == ({}, "y", None)
    assert heard.connections == 1


async def test_lines_may_end_without_a_carriage_return(servers, reach):
    heard = await servers.start(saying(b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}"))
    assert (await ask(reach(heard.port))).body == {}


async def test_more_headers_than_anybody_needs_are_unreadable(servers, reach):
    lines = b"".join(b"x-%d: y\r\n" % number for number in range(101))
    heard = await servers.start(saying(OK + lines + b"Content-Length: 2\r\n\r\n{}"))
    assert (await ask(reach(heard.port))).error == "unreadable"


async def test_a_header_beyond_ascii_is_read_byte_by_byte(servers, reach):
    heard = await servers.start(saying(OK + b"X: gr\xfcn\r\nContent-Length: 2\r\n\r\n{}"))
    assert (await ask(reach(heard.port))).headers["x"] == "grün"


# --- what is packed ---------------------------------------------------------------------------------------------------

TEXT = b'{"a": 1}'
RAW = zlib.compressobj(wbits=-15)


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("GZIP", gzip.compress(TEXT)),
        ("x-gzip", gzip.compress(TEXT[:3]) + gzip.compress(TEXT[3:])),
        ("gzip", gzip.compress(TEXT) + b"\x00" * 10),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", RAW.compress(TEXT) + RAW.flush()),
        ("identity", TEXT),
        ("utf-8", TEXT),
    ],
)
async def test_gzip_and_deflate_are_unpacked(servers, reach, coding, packed):
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {len(packed)}\r\n\r\n".encode()
    heard = await servers.start(saying(head + packed))
    reply = await ask(reach(heard.port))
    assert (reply.body, reply.error) == ({"a": 1}, None)
    assert "accept-encoding" not in heard.last.lower()


@pytest.mark.parametrize(
    "header", [b"Content-Encoding: br", b"Content-Encoding: gzip, br", b"Transfer-Encoding: gzip, chunked"]
)
async def test_another_packing_is_unreadable_and_named(servers, reach, header):
    length = b"" if header.startswith(b"T") else b"Content-Length: 5\r\n"
    heard = await servers.start(saying(OK + length + header + b"\r\n\r\n0\r\n\r\n"))
    reply = await ask(reach(heard.port), reads="text")
    assert (reply.status, reply.error) == (200, "unreadable")
    assert header.partition(b": ")[2].decode() in reply.detail


async def test_a_packed_body_cut_short_keeps_what_could_be_unpacked(servers, reach):
    head = OK + b"Content-Encoding: gzip\r\nContent-Length: 1000\r\n\r\n"
    heard = await servers.start(once(head + gzip.compress(TEXT)[:-8]))
    reply = await ask(reach(heard.port))
    assert (reply.error, reply.text) == ("lost", TEXT.decode())


# --- which connection is used again -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "connections"),
    [
        (OK + b"Content-Length: 2\r\n\r\n{}", 1),
        (OK + b"Content-Length: 2\r\n\r\n{}\r\n", 1),
        (OK + b"Connection: close\r\nContent-Length: 2\r\n\r\n{}", 3),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", 3),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n{}", 1),
        (OK + b"Content-Length: 2\r\n\r\n{}HT", 3),
        (OK + b"Content-Length: 2\r\n\r\n{}" + OK + b"Content-Length: 6\r\n\r\n[null]", 3),
        (b"HTTP/1.1 204 No Content\r\n\r\n{}", 3),
    ],
    ids=[
        "open",
        "an empty line",
        "close",
        "1.0",
        "1.0 kept",
        "a piece too much",
        "an answer too much",
        "a body of none",
    ],
)
async def test_a_connection_is_used_again_only_where_its_answer_was_all_there_is(servers, reach, answer, connections):
    heard = await servers.start(saying(answer))
    transport = reach(heard.port)
    for _ in range(3):
        reply = await ask(transport)
        assert (reply.error, reply.body or {}) == (None, {})
    assert heard.connections == connections


async def test_what_nobody_asked_for_closes_a_connection_that_waits(servers, reach):
    gone = asyncio.Event()

    async def pushy(conversation: Any) -> None:
        await conversation.request()
        await conversation.answer()
        if conversation.heard.connections == 1:
            await conversation.say(OK + b'Content-Length: 7\r\n\r\n"wrong"')
            await conversation.reader.read()
            gone.set()

    heard = await servers.start(pushy)
    transport = reach(heard.port)
    assert (await ask(transport)).body == {}
    await gone.wait()
    assert (await ask(transport)).body == {}
    assert heard.connections == 2


async def test_a_call_given_up_does_not_leave_its_answer_to_the_next_one(servers, reach):
    taken, given_up = asyncio.Event(), asyncio.Event()

    async def slow(conversation: Any) -> None:
        if b"/x" in await conversation.request():
            taken.set()
            await given_up.wait()
            await conversation.answer(b'"of the first"')
        else:
            await conversation.answer()

    heard = await servers.start(slow)
    transport = reach(heard.port)
    call = asyncio.create_task(ask(transport, GET))
    await taken.wait()
    call.cancel()
    given_up.set()
    assert (await asyncio.gather(call, return_exceptions=True))[0].__class__ is asyncio.CancelledError
    assert (await ask(transport)).body == {}
    assert heard.connections == 2


async def test_an_idle_connection_is_let_go_before_servers_do(servers, reach, monkeypatch):
    monkeypatch.setattr("engine.transports.http_pool.IDLE_S", 0.05)
    gone = asyncio.Event()

    async def until_closed(conversation: Any) -> None:
        await conversation.request()
        await conversation.answer()
        assert await conversation.reader.read() == b""
        gone.set()

    heard = await servers.start(until_closed)
    await ask(reach(heard.port))
    await asyncio.wait_for(gone.wait(), 3)


# --- large requests ---------------------------------------------------------------------------------------------------

LARGE = HttpRequest(method="POST", path="/x", body="text", content="z" * 30_000_000)


async def test_an_answer_may_come_before_the_request_is_whole(servers, reach):
    done = asyncio.Event()

    async def refuse(conversation: Any) -> None:
        await conversation.reader.readuntil(b"\r\n\r\n")
        await conversation.answer(b'{"error": "too large"}', "413 Content Too Large")
        await done.wait()

    heard = await servers.start(refuse)
    transport = reach(heard.port)
    reply = await ask(transport, LARGE)
    done.set()
    assert (reply.status, reply.body, reply.error) == (413, {"error": "too large"}, None)


async def test_the_time_limit_holds_over_a_server_that_does_not_read(servers, reach):
    async def deaf(conversation: Any) -> None:
        conversation.writer.transport.pause_reading()
        await asyncio.Event().wait()

    heard = await servers.start(deaf)
    reply = await ask(reach(heard.port), LARGE, deadline_s=0.4)
    assert reply.error == "timeout"
    assert reply.took_s < 2


async def test_a_large_request_and_a_large_answer_arrive_whole(servers, reach):
    async def mirror(conversation: Any) -> None:
        await conversation.answer((await conversation.request()).partition(b"\r\n\r\n")[2])

    heard = await servers.start(mirror)
    reply = await ask(reach(heard.port, max_reply_bytes=30_000_000), LARGE, 20.0, "text")
    assert (reply.error, reply.text == LARGE.content) == (None, True)


# --- what is sent -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        ("x", "a\r\nX-Injected: 1"),
        ("x", "a\nb"),
        ("x", "\x00"),
        ("x", "\x1b[2J"),
        ("x", "\x7f"),
        ("x", "\ud800"),
        ("x\r\nX-Injected", "1"),
        ("x y", "1"),
        ("x:", "1"),
        ("", "1"),
        ("é", "1"),
    ],
)
async def test_what_would_break_a_header_is_an_error_of_ours_and_nothing_is_sent(servers, reach, header):
    heard = await servers.start(echo_ok)
    with pytest.raises(OursFailed, match="no request that can be sent"):
        await ask(reach(heard.port), HttpRequest(method="GET", path="/x", headers=(header,)))
    assert heard.connections == 0


@pytest.mark.parametrize(
    "base_url", ["ftp://host/", "host:80", "http://", "http://ho st/", "http://h:99999/", "http://[::1/"]
)
async def test_what_is_no_address_is_an_error_of_ours(reach, base_url):
    with pytest.raises(OursFailed, match="no request that can be sent"):
        await ask(reach(1, base_url=base_url))


async def test_the_lines_of_a_request(servers, reach):
    heard = await servers.start(echo_ok)
    transport = reach(heard.port, base_url=f"http://ann:p%40ss@127.0.0.1:{heard.port}/b?k=1")
    await ask(transport, HttpRequest(method="POST", path="/a b", query=(("q", "ü"),), headers=(("x-name", "日本"),)))
    line, *headers = heard.requests[-1].decode().split("\r\n")
    assert line == "POST /b/a%20b?k=1&q=%C3%BC HTTP/1.1"
    assert set(headers) == {
        f"Host: 127.0.0.1:{heard.port}",
        "Accept: */*",
        "User-Agent: nsps",
        "Authorization: Basic YW5uOnBAc3M=",
        "X-Name: 日本",
        "Content-Length: 0",
        "",
    }


async def test_what_a_request_brings_itself_is_not_sent_twice_but_its_length_is_ours(servers, reach):
    heard = await servers.start(echo_ok)
    own = (
        ("host", "a"),
        ("ACCEPT", "b/c"),
        ("User-Agent", "d"),
        ("content-length", "1"),
        ("Transfer-Encoding", "chunked"),
    )
    await ask(reach(heard.port), HttpRequest(method="PUT", path="/x", headers=own, body="text", content="three"))
    lines = heard.last.split("\r\n")[1:]
    assert sorted(lines) == sorted(
        [
            "Host: a",
            "Accept: b/c",
            "User-Agent: d",
            "Content-Type: text/plain; charset=utf-8",
            "Content-Length: 5",
            "",
            "three",
        ]
    )


async def test_a_query_beyond_ascii_is_encoded(servers, reach):
    heard = await servers.start(echo_ok)
    await ask(reach(heard.port), HttpRequest(method="GET", path="/x?q=ü <\r\n>&r=%41"))
    assert heard.last.startswith("GET /x?q=%C3%BC%20%3C%0D%0A%3E&r=%41 HTTP/1.1\r\n")


# --- names and addresses ----------------------------------------------------------------------------------------------


async def test_an_ipv6_address_is_reached_and_named_in_brackets(reach):
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(OK + b"Content-Length: 2\r\n\r\n{}")
        writer.close()

    try:
        server = await asyncio.start_server(serve, "::1", 0)
    except OSError:
        pytest.skip("no IPv6 here")
    async with server:
        port = server.sockets[0].getsockname()[1]
        assert (await ask(reach(port, base_url=f"http://[::1]:{port}/"), GET)).body == {}
    assert b"Host: [::1]:%d\r\n" % port in heard[0]


async def test_all_addresses_of_a_name_are_tried(servers, reach):
    heard = await servers.start(echo_ok)  # on 127.0.0.1 alone; the name may have ::1, too
    assert (await ask(reach(heard.port, base_url=f"http://localhost:{heard.port}"))).body == {"result": True}


async def test_an_address_that_swallows_what_it_is_sent_does_not_keep_the_next_one_waiting(servers, reach, monkeypatch):
    heard = await servers.start(echo_ok)

    async def two(*_: Any, **__: Any) -> Any:
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*kind, (address, heard.port)) for address in ("192.0.2.1", "127.0.0.1")]

    monkeypatch.setattr(type(asyncio.get_running_loop()), "getaddrinfo", two, raising=False)
    reply = await ask(reach(heard.port, base_url=f"http://two.invalid:{heard.port}"))
    assert (reply.error, reply.body) == (None, {"result": True})


# --- TLS --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("framing", [b"Content-Length: 100\r\n", b"Transfer-Encoding: chunked\r\n", b""])
async def test_tls_cut_without_a_goodbye_is_lost(servers, reach, authority, framing):
    async def cut(conversation: Any) -> None:
        await conversation.request()
        await conversation.say(OK + framing + b"\r\n" + (b"2\r\n{}\r\n" if framing.startswith(b"T") else b"{}"))
        conversation.reset()  # the socket below TLS is closed, what was said is on its way

    heard = await servers.start(cut, authority.tls("127.0.0.1"))
    transport = reach(heard.port, "https", tls=authority.trusted)
    reply = await ask(transport)
    assert (reply.status, reply.error, reply.text, reply.body) == (200, "lost", "{}", None)


async def test_tls_ended_in_order_ends_a_body_without_a_length(servers, reach, authority):
    heard = await servers.start(once(OK + b"\r\n[1]"), authority.tls("127.0.0.1"))
    assert (await ask(reach(heard.port, "https", tls=authority.trusted))).body == [1]


async def test_plain_http_where_tls_is_meant_is_told(servers, reach):
    async def plain(conversation: Any) -> None:
        await conversation.reader.read(10)
        await conversation.say(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    heard = await servers.start(plain)
    reply = await ask(reach(heard.port, "https"))
    assert reply.error == "connect"
    assert "is http:// meant?" in reply.detail


async def test_a_certificate_that_the_server_refuses_by_an_alert_is_connect(reach, authority):
    context = asking_for_identity(authority)

    def refuse(listening: socket.socket) -> None:
        accepted, _ = listening.accept()
        with context.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False) as secure:
            with suppress(ssl.SSLError):
                secure.do_handshake()  # tells why it fails, as asyncio's servers do not
            while socket.socket.recv(secure, 65536):  # left unread, it would reset the connection and the alert with it
                pass

    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = asyncio.create_task(asyncio.to_thread(refuse, listening))
        reply = await ask(reach(listening.getsockname()[1], "https", tls=authority.trusted))
        await serving
    assert (reply.error, "refused our certificate" in reply.detail) == ("connect", True)


async def test_a_key_that_is_encrypted_asks_nobody(reach, authority):
    (authority.folder / "key.pem").write_text(
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIGj\n-----END ENCRYPTED PRIVATE KEY-----\n"
    )
    authority.ca.cert_pem.write_to_path(str(authority.folder / "cert.pem"))
    reply = await ask(reach(1, "https", tls=Tls(cert="cert.pem", key="key.pem")))
    assert reply.error == "connect"
    assert "key.pem" in reply.detail


# --- proxies ----------------------------------------------------------------------------------------------------------


def tunnelling(port: int) -> Any:
    async def tunnel(conversation: Any) -> None:
        await conversation.request()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await conversation.say(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            await asyncio.gather(pump(conversation.reader, writer), pump(reader, conversation.writer))
        finally:
            writer.transport.abort()

    return tunnel


async def test_a_proxy_may_be_reached_by_tls_itself(servers, reach, authority):
    target = await servers.start(echo_ok, authority.tls("127.0.0.1"))
    proxy = await servers.start(tunnelling(target.port), authority.tls("127.0.0.1"))
    transport = reach(target.port, "https", tls=authority.trusted, proxy=f"https://ann:pass@127.0.0.1:{proxy.port}")
    for _ in range(2):
        assert (await ask(transport)).body == {"result": True}
    await transport.close()
    assert (len(target.requests), proxy.connections) == (2, 1)
    assert "Proxy-Authorization: Basic YW5uOnBhc3M=\r\n" in proxy.last
    assert "proxy-authorization" not in target.last.lower()


async def test_plain_http_through_a_proxy_reached_by_tls(servers, reach, authority):
    proxy = await servers.start(echo_ok, authority.tls("127.0.0.1"))
    transport = reach(1, base_url="http://hss.invalid/", tls=authority.trusted, proxy=f"https://127.0.0.1:{proxy.port}")
    assert (await ask(transport)).status == 200
    assert proxy.last.startswith("POST http://hss.invalid/prov HTTP/1.1\r\nHost: hss.invalid\r\n")


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 1000\r\n\r\n", "answered HTTP 407"),
        (b"SSH-2.0-OpenSSH\r\n", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\n\r\nnot TLS at all, but long enough to be seen", "no connection to 127.0.0.1:1"),
    ],
)
async def test_a_tunnel_that_is_none_is_connect(servers, reach, answer, says):
    proxy = await servers.start(once(answer))
    reply = await ask(reach(1, "https", proxy=f"http://127.0.0.1:{proxy.port}"))
    assert reply.error == "connect"
    assert says in reply.detail


async def test_a_proxy_that_never_answers_is_connect_in_time(servers, reach):
    async def silent(conversation: Any) -> None:
        await asyncio.Event().wait()

    proxy = await servers.start(silent)
    reply = await ask(reach(1, "https", proxy=f"http://127.0.0.1:{proxy.port}"), deadline_s=0.5)
    assert (reply.error, reply.detail) == ("connect", "no connection to 127.0.0.1:1 within 0.45 s")


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "127.0.0.1:1", "http://"])
async def test_a_proxy_that_is_none_is_connect(reach, proxy):
    reply = await ask(reach(1, proxy=proxy))
    assert reply.error == "connect"
    assert reply.detail.startswith("proxy: its URL cannot be used")


async def test_a_proxy_that_is_away_is_named(reach):
    port = unused_port()
    reply = await ask(reach(1, proxy=f"http://ann:secret@127.0.0.1:{port}"))
    assert (reply.error, reply.detail) == ("connect", f"connection refused by the proxy 127.0.0.1:{port}")


# --- the end ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_call_cancelled_while_it_connects_leaves_nothing_open(servers, reach, scheme):
    begun, ended = asyncio.Event(), asyncio.Event()

    async def silent(conversation: Any) -> None:
        begun.set()
        await conversation.reader.read()
        ended.set()

    heard = await servers.start(silent)
    proxy = f"http://127.0.0.1:{heard.port}"
    transport = reach(1, "https", proxy=proxy) if scheme == "http" else reach(heard.port, "https")
    call = asyncio.create_task(ask(transport, deadline_s=30.0))
    await begun.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await asyncio.wait_for(ended.wait(), 3)


async def test_closing_ends_a_call_that_still_connects_and_nothing_was_sent(servers, reach):
    begun = asyncio.Event()

    async def silent(conversation: Any) -> None:
        begun.set()
        await conversation.reader.read()

    heard = await servers.start(silent)
    transport = reach(heard.port, "https")
    call = asyncio.create_task(ask(transport, deadline_s=30.0))
    await begun.wait()
    await transport.close()
    reply = await asyncio.wait_for(call, 3)
    assert (reply.error, "stopping" in reply.detail) == ("connect", True)
    assert (await ask(transport)).error == "connect"


@pytest.mark.parametrize("secure", [False, True])
async def test_closing_closes_the_connections_that_wait(servers, reach, authority, secure):
    gone = asyncio.Event()

    async def until_closed(conversation: Any) -> None:
        await conversation.request()
        await conversation.answer()
        assert await conversation.reader.read() == b""
        gone.set()

    heard = await servers.start(until_closed, authority.tls("127.0.0.1") if secure else None)
    transport = reach(heard.port, "https" if secure else "http", tls=authority.trusted)
    assert (await ask(transport)).body == {}
    await transport.close()
    await asyncio.wait_for(gone.wait(), 3)


async def test_the_fault_of_a_slow_answer_holds_though_others_were_quick_on_the_same_connection(servers, reach):
    async def quick_then_slow(conversation: Any) -> None:
        for _ in range(5):
            await conversation.request()
            await conversation.answer()
        await conversation.request()
        await asyncio.Event().wait()

    heard = await servers.start(quick_then_slow)
    transport = reach(heard.port)
    for _ in range(5):
        assert (await ask(transport, deadline_s=60.0)).error is None
    slow = await ask(transport, deadline_s=0.3)
    assert (slow.error, heard.connections) == ("timeout", 1)
    assert 0.25 < slow.took_s < 2
