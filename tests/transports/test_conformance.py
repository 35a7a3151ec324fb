"""What every transport must do when the world does what it does. Real sockets, real TLS, no stand-ins."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
from typing import Any

import pytest

from engine.connector import Tls
from engine.request import HttpRequest, Reply
from engine.transport import Transport

POST = HttpRequest(method="POST", path="/prov", body="json", content={"imsi": "001010000000001"})
GET = HttpRequest(method="GET", path="/x")


async def ask(transport: Transport, request: HttpRequest = POST, deadline_s: float = 5.0, reads: Any = "json") -> Reply:
    return await transport.exchange(request, reads, deadline_s)


async def echo_ok(conversation: Any) -> None:
    while True:
        await conversation.request()
        await conversation.answer(b'{"result": true}')


# --- an answer --------------------------------------------------------------------------------------------------------


async def test_an_answer_is_read_whole(servers, reach):
    heard = await servers.start(echo_ok)
    reply = await ask(reach(heard.port))
    assert (reply.status, reply.body, reply.text, reply.error) == (200, {"result": True}, '{"result": true}', None)
    assert heard.last.startswith("POST /prov HTTP/1.1\r\n")
    assert heard.last.endswith('{"imsi":"001010000000001"}')
    assert "Content-Type: application/json\r\n" in heard.last


async def test_connections_are_reused(servers, reach):
    heard = await servers.start(echo_ok)
    transport = reach(heard.port)
    for _ in range(5):
        await ask(transport)
    assert (heard.connections, len(heard.requests)) == (1, 5)


async def test_calls_run_side_by_side(servers, reach):
    everyone = asyncio.Barrier(20)

    async def all_at_once(conversation: Any) -> None:
        await conversation.request()
        await everyone.wait()
        await conversation.answer()

    heard = await servers.start(all_at_once)
    transport = reach(heard.port)
    replies = await asyncio.gather(*(ask(transport) for _ in range(20)))
    assert [reply.status for reply in replies] == [200] * 20


async def test_header_names_come_lower_case_and_repeated_ones_together(servers, reach):
    async def handle(conversation: Any) -> None:
        await conversation.request()
        lines = "X-Upper: A\r\nVia: one\r\nVia: two\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2, x\r\n"
        await conversation.answer(headers=lines)

    heard = await servers.start(handle)
    headers = (await ask(reach(heard.port))).headers
    assert (headers["x-upper"], headers["via"], headers["set-cookie"]) == ("A", "one, two", "a=1\nb=2, x")


async def test_a_header_that_is_not_ascii_does_not_cost_the_others(servers, reach):
    async def handle(conversation: Any) -> None:
        await conversation.request()
        await conversation.answer(headers="X-Bad: gr\xfcn\r\nX-Good: green\r\n")

    heard = await servers.start(handle)
    reply = await ask(reach(heard.port))
    assert (reply.error, reply.headers["x-good"]) == (None, "green")


async def test_text_beyond_ascii_goes_and_comes_as_it_is(servers, reach):
    async def handle(conversation: Any) -> None:
        await conversation.request()
        await conversation.answer('{"name": "Жанна 🦋"}'.encode())

    heard = await servers.start(handle)
    request = HttpRequest(method="POST", path="/n%C3%A4me", body="json", content={"name": "Åsa"})
    reply = await ask(reach(heard.port), request)
    assert reply.body == {"name": "Жанна 🦋"}
    assert heard.requests[0].startswith(b"POST /n%C3%A4me ")
    assert heard.requests[0].endswith('{"name":"Åsa"}'.encode())


async def test_a_redirect_is_an_answer_and_is_never_followed(servers, reach):
    async def handle(conversation: Any) -> None:
        await conversation.request()
        await conversation.answer(b"", "307 Temporary Redirect", "Location: /elsewhere\r\n")

    heard = await servers.start(handle)
    reply = await ask(reach(heard.port))
    assert (reply.status, reply.headers["location"], len(heard.requests)) == (307, "/elsewhere", 1)
    assert reply.detail == "it points to /elsewhere; redirects are never followed"


async def test_no_cookie_is_kept_between_calls(servers, reach):
    async def handle(conversation: Any) -> None:
        while True:
            await conversation.request()
            await conversation.answer(headers="Set-Cookie: sid=1; Path=/\r\n")

    heard = await servers.start(handle)
    transport = reach(heard.port)
    await ask(transport)
    await ask(transport)
    assert "cookie" not in heard.last.lower()


@pytest.mark.parametrize("status", ["204 No Content", "200 OK"])
async def test_an_empty_answer_is_null(servers, reach, status):
    async def handle(conversation: Any) -> None:
        await conversation.request()
        await conversation.answer(b"", status)

    heard = await servers.start(handle)
    reply = await ask(reach(heard.port))
    assert (reply.body, reply.text, reply.error) == (None, "", None)


async def test_a_page_where_json_was_promised_is_unreadable_and_keeps_its_status_and_text(servers, reach):
    async def handle(conversation: Any) -> None:
        await conversation.request()
        await conversation.answer(b"<html>Bad Gateway</html>", "502 Bad Gateway", "Content-Type: text/html\r\n")

    heard = await servers.start(handle)
    reply = await ask(reach(heard.port))
    assert (reply.status, reply.body, reply.error) == (502, None, "unreadable")
    assert reply.text == "<html>Bad Gateway</html>"
    assert reply.detail.startswith("the body is not JSON (text/html)")


# --- nothing was sent: connect ----------------------------------------------------------------------------------------


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_a_refused_connection_is_connect_and_says_by_whom(reach):
    port = unused_port()
    reply = await ask(reach(port))
    assert (reply.status, reply.error) == (None, "connect")
    assert reply.detail == f"connection refused by 127.0.0.1:{port}"


async def test_a_name_nobody_knows_is_connect(reach):
    reply = await ask(reach(1, base_url="http://nosuch.invalid/api"))
    assert reply.error == "connect"
    assert reply.detail.startswith("the name nosuch.invalid cannot be resolved")


async def test_no_connection_in_time_is_connect(reach):
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        waiting = [socket.socket() for _ in range(4)]  # they fill the backlog; the kernel leaves the next one hanging
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(deaf.getsockname())
        reply = await ask(reach(deaf.getsockname()[1], timeout_s=0.5), deadline_s=0.5)
        for one in waiting:
            one.close()
    assert (reply.error, reply.status) == ("connect", None)
    assert "no connection to 127.0.0.1" in reply.detail


async def test_a_handshake_that_never_ends_is_connect(servers, reach):
    async def silent(conversation: Any) -> None:
        await asyncio.Event().wait()

    heard = await servers.start(silent)
    reply = await ask(reach(heard.port, "https", timeout_s=0.5), deadline_s=0.5)
    assert reply.error == "connect"


# --- it may have been taken: timeout, lost ----------------------------------------------------------------------------


async def test_no_answer_in_time_is_timeout(servers, reach):
    async def hang(conversation: Any) -> None:
        await conversation.request()
        await asyncio.Event().wait()

    heard = await servers.start(hang)
    reply = await ask(reach(heard.port), deadline_s=0.3)
    assert (reply.error, reply.detail) == ("timeout", f"no answer from 127.0.0.1:{heard.port} within 0.3 s")


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: "])
async def test_the_time_limit_holds_over_an_answer_that_drips(servers, reach, head):
    async def drip(conversation: Any) -> None:
        await conversation.request()
        await conversation.say(head)
        while True:
            await conversation.say(b"a")
            await asyncio.sleep(0.02)

    heard = await servers.start(drip)
    reply = await ask(reach(heard.port), deadline_s=0.4)
    assert reply.error == "timeout"
    assert reply.took_s < 2


async def reset(conversation: Any) -> None:
    await conversation.request()
    conversation.reset()


async def hang_up(conversation: Any) -> None:
    await conversation.request()


@pytest.mark.parametrize("end", [reset, hang_up])
async def test_a_connection_that_ends_after_the_request_was_sent_is_lost(servers, reach, end):
    heard = await servers.start(end)
    reply = await ask(reach(heard.port))
    assert (reply.status, reply.error, len(heard.requests)) == (None, "lost", 1)
    assert "lost after the request was sent" in reply.detail


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"SSH-2.0-OpenSSH_9\r\n",
        b"\x00\x01\x02\x03" * 100,
    ],
    ids=["cut in the body", "cut between chunks", "cut in the head", "another protocol", "noise"],
)
async def test_an_answer_cut_short_or_no_http_at_all_is_lost(servers, reach, answer):
    async def handle(conversation: Any) -> None:
        await conversation.request()
        await conversation.say(answer)

    heard = await servers.start(handle)
    reply = await ask(reach(heard.port))
    assert reply.error == "lost"
    assert reply.body is None


async def test_of_a_large_body_that_breaks_only_the_beginning_is_kept(servers, reach):
    async def handle(conversation: Any) -> None:
        await conversation.request()
        await conversation.say(b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" + b"z" * 1_000_000)

    reply = await ask(reach((await servers.start(handle)).port))
    assert (reply.status, reply.error) == (200, "lost")
    assert reply.text == "z" * 4096, "all of it would be parsed, masked and stored, while everybody waits"


async def test_what_was_there_before_the_break_is_kept(servers, reach):
    async def handle(conversation: Any) -> None:
        await conversation.request()
        await conversation.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")

    heard = await servers.start(handle)
    reply = await ask(reach(heard.port))
    assert (reply.status, reply.error, reply.text) == (200, "lost", "{")


@pytest.mark.parametrize("request_", [POST, GET], ids=["POST", "GET"])
async def test_a_request_taken_from_a_reused_connection_is_never_sent_again(servers, reach, request_):
    async def answer_once(conversation: Any) -> None:
        await conversation.request()
        await conversation.answer()
        await conversation.request()  # taken, never answered
        conversation.reset()

    heard = await servers.start(answer_once)
    transport = reach(heard.port)
    assert (await ask(transport)).error is None
    assert (await ask(transport, request_)).error == "lost"
    assert (heard.connections, len(heard.requests)) == (1, 2)


async def test_a_pooled_connection_the_server_closed_costs_nothing(servers, reach):
    closed = asyncio.Event()

    async def answer_and_close(conversation: Any) -> None:
        await conversation.request()
        await conversation.answer()
        conversation.writer.close()
        await conversation.writer.wait_closed()
        closed.set()

    heard = await servers.start(answer_and_close)
    transport = reach(heard.port)
    for number in range(1, 21):
        closed.clear()
        assert (await ask(transport)).error is None
        await closed.wait()
        await asyncio.sleep(0.01)  # the client's own thread must see the close; nothing tells when it has
        assert len(heard.requests) == number


# --- bounded ----------------------------------------------------------------------------------------------------------


async def test_a_huge_body_is_not_read_further_than_the_limit(servers, reach):
    sent_bytes = 0

    async def pour(conversation: Any) -> None:
        nonlocal sent_bytes
        await conversation.request()
        await conversation.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(1000):  # 1 GB, were it read
            await conversation.say(b"100000\r\n" + b"z" * 0x100000 + b"\r\n")
            sent_bytes += 0x100000

    heard = await servers.start(pour)
    reply = await ask(reach(heard.port, max_reply_bytes=100_000))
    assert (reply.status, reply.error) == (200, "unreadable")
    assert "larger than 100000 bytes" in reply.detail
    assert sent_bytes < 100_000_000


async def test_a_body_that_says_it_is_too_large_is_not_read_at_all(servers, reach):
    async def announce(conversation: Any) -> None:
        await conversation.request()
        await conversation.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        await asyncio.Event().wait()

    heard = await servers.start(announce)
    reply = await ask(reach(heard.port))
    assert reply.error == "unreadable"


async def test_a_packed_body_is_measured_unpacked(servers, reach):
    bomb = gzip.compress(b"0" * 300_000_000, 1)

    async def explode(conversation: Any) -> None:
        await conversation.request()
        await conversation.answer(bomb, headers="Content-Encoding: gzip\r\n")

    heard = await servers.start(explode)
    reply = await ask(reach(heard.port, max_reply_bytes=len(bomb) + 1))
    assert (reply.status, reply.error, len(reply.text)) == (200, "unreadable", 4096)


async def test_a_packed_body_is_unpacked(servers, reach):
    async def packed(conversation: Any) -> None:
        await conversation.request()
        await conversation.answer(gzip.compress(b'{"a": 1}'), headers="Content-Encoding: gzip\r\n")

    heard = await servers.start(packed)
    assert (await ask(reach(heard.port))).body == {"a": 1}


async def test_a_body_that_cannot_be_unpacked_is_unreadable(servers, reach):
    async def broken(conversation: Any) -> None:
        await conversation.request()
        await conversation.answer(b"hello", headers="Content-Encoding: gzip\r\n")

    heard = await servers.start(broken)
    assert (await ask(reach(heard.port))).error == "unreadable"


async def test_an_endless_head_ends_the_call(servers, reach):
    async def endless(conversation: Any) -> None:
        await conversation.request()
        await conversation.say(b"HTTP/1.1 200 OK\r\nX: ")
        while True:
            await conversation.say(b"a" * 65536)

    heard = await servers.start(endless)
    assert (await ask(reach(heard.port))).error == "unreadable"


# --- TLS --------------------------------------------------------------------------------------------------------------


async def test_a_certificate_nobody_vouches_for_is_connect_and_says_what_to_do(servers, reach, authority):
    heard = await servers.start(echo_ok, authority.tls("127.0.0.1"))
    reply = await ask(reach(heard.port, "https"))
    assert (reply.error, heard.requests) == ("connect", [])
    assert "not trusted" in reply.detail
    assert "tls.ca" in reply.detail


async def test_a_root_of_our_own_is_trusted(servers, reach, authority):
    heard = await servers.start(echo_ok, authority.tls("127.0.0.1"))
    assert (await ask(reach(heard.port, "https", tls=authority.trusted))).status == 200


async def test_a_certificate_for_another_name_is_connect(servers, reach, authority):
    heard = await servers.start(echo_ok, authority.tls("example.org"))
    reply = await ask(reach(heard.port, "https", tls=authority.trusted))
    assert (reply.error, heard.requests) == ("connect", [])
    assert 'not valid for name "127.0.0.1"' in reply.detail


async def test_verify_false_takes_any_certificate(servers, reach, authority):
    heard = await servers.start(echo_ok, authority.tls("example.org"))
    assert (await ask(reach(heard.port, "https", tls=Tls(verify=False)))).status == 200


def asking_for_identity(authority: Any) -> ssl.SSLContext:
    context: ssl.SSLContext = authority.tls("127.0.0.1")
    authority.ca.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


async def test_a_client_certificate_is_shown(servers, reach, authority):
    subjects = []

    async def look(conversation: Any) -> None:
        await conversation.request()
        subjects.append(conversation.writer.get_extra_info("peercert")["subjectAltName"])
        await conversation.answer()

    heard = await servers.start(look, asking_for_identity(authority))
    assert (await ask(reach(heard.port, "https", tls=authority.identity()))).status == 200
    assert subjects == [(("email", "nsps@example.org"),)]


async def test_without_the_client_certificate_that_is_asked_for_nothing_is_taken(servers, reach, authority):
    heard = await servers.start(echo_ok, asking_for_identity(authority))
    reply = await ask(reach(heard.port, "https", tls=authority.trusted))
    assert reply.error in {"connect", "lost"}
    assert heard.requests == []


async def test_tls_files_that_are_missing_or_no_certificates_are_connect_and_named(reach, authority):
    missing = await ask(reach(1, "https", tls=Tls(ca="nowhere.pem")))
    assert missing.error == "connect"
    assert "nowhere.pem" in missing.detail
    (authority.folder / "noise.pem").write_bytes(b"noise")
    noise = await ask(reach(1, "https", tls=Tls(cert="noise.pem")))
    assert noise.error == "connect"


# --- proxies ----------------------------------------------------------------------------------------------------------


async def test_plain_http_goes_through_the_proxy(servers, reach):
    heard = await servers.start(echo_ok)
    reply = await ask(reach(1, base_url="http://hss.invalid:8080/api", proxy=f"http://ann:pass@127.0.0.1:{heard.port}"))
    assert reply.status == 200
    assert heard.last.startswith("POST http://hss.invalid:8080/api/prov HTTP/1.1\r\n")
    assert "proxy-authorization: basic" in heard.last.lower()


async def test_https_goes_through_a_tunnel_of_the_proxy(servers, reach, authority):
    target = await servers.start(echo_ok, authority.tls("127.0.0.1"))

    async def tunnel(conversation: Any) -> None:
        await conversation.request()
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
        await conversation.say(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            await asyncio.gather(pump(conversation.reader, writer), pump(reader, conversation.writer))
        finally:
            writer.transport.abort()

    proxy = await servers.start(tunnel)
    transport = reach(target.port, "https", tls=authority.trusted, proxy=f"http://127.0.0.1:{proxy.port}")
    assert (await ask(transport)).status == 200
    await transport.close()
    assert proxy.last.startswith(f"CONNECT 127.0.0.1:{target.port} HTTP/1.1\r\n")


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def test_a_proxy_that_refuses_the_tunnel_is_connect(servers, reach):
    async def refuse(conversation: Any) -> None:
        await conversation.request()
        await conversation.answer(b"", "407 Proxy Authentication Required")

    proxy = await servers.start(refuse)
    reply = await ask(reach(1, "https", proxy=f"http://127.0.0.1:{proxy.port}"))
    assert reply.error == "connect"


async def test_proxies_of_the_environment_are_not_used(servers, reach, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{unused_port()}")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{unused_port()}")
    heard = await servers.start(echo_ok)
    assert (await ask(reach(heard.port))).status == 200


# --- the end ----------------------------------------------------------------------------------------------------------


async def test_a_cancelled_call_lets_go_and_the_next_one_works(servers, reach):
    taken = asyncio.Event()

    async def hang_first(conversation: Any) -> None:
        await conversation.request()
        if not taken.is_set():
            taken.set()
            await asyncio.Event().wait()
        await conversation.answer()

    heard = await servers.start(hang_first)
    transport = reach(heard.port)
    call = asyncio.create_task(ask(transport))
    await taken.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert (await ask(transport)).status == 200


async def test_closing_ends_calls_under_way_as_lost_and_may_be_repeated(servers, reach):
    taken = asyncio.Event()

    async def hang(conversation: Any) -> None:
        await conversation.request()
        taken.set()
        await asyncio.Event().wait()

    heard = await servers.start(hang)
    transport = reach(heard.port)
    call = asyncio.create_task(ask(transport))
    await taken.wait()
    await transport.close()
    assert (await call).error == "lost"
    await transport.close()
