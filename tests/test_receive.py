"""The receivers over real HTTP and a real store: what each sender is answered, and what is remembered of it."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
from structlog.testing import capture_logs

from engine.clock import SystemClock
from engine.errors import StoreUnavailable
from engine.ids import new_event_id
from engine.loading.load import open_project
from engine.receive import Receiver, doors_of
from engine.receiving.reception import Reception
from engine.receiving.refusing import Refusals
from engine.receiving.telling import Telling
from engine.route import route
from engine.settings import EspfReceiver
from engine.simulators.serve import serving
from engine.storage.protocol import Accepted, Arrival, EventFilter, EventRow
from engine.storage.store import Store
from tests.target import SECRETS, write_project

PASSWORD = SECRETS["ESPF_PASSWORD"]
UPDATED = {"event_type": "SIM/Updated", "variables": {"i_event": 7, "i_account": 5}}


class MovableStore(Store):
    """A store that can be away, or slow."""

    away = False
    gate: asyncio.Event | None = None
    asked = 0

    async def accept(self, arrival: Arrival) -> Accepted:
        self.asked += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.away:
            raise StoreUnavailable("the store cannot do it now: disk full")
        return await super().accept(arrival)

    async def ready(self) -> None:
        if self.away:
            raise StoreUnavailable("the store cannot do it now: disk full")
        await super().ready()


class Sender:
    """ESPF, and a look behind the receiver it posts to."""

    def __init__(self, client: httpx2.AsyncClient, url: str, store: MovableStore, receiver: Receiver) -> None:
        self.receiver = receiver
        self.client = client
        self.url = url
        self.store = store
        self.put: list[tuple[str, tuple[int, ...]]] = []

    async def post(self, body: Any = UPDATED, path: str = "/espf", **more: Any) -> httpx2.Response:
        more.setdefault("auth", ("espf", PASSWORD))
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        return await self.client.post(f"{self.url}{path}", content=content, **more)

    async def events(self) -> list[EventRow]:
        return await self.store.events(EventFilter())

    async def refused(self) -> int:
        return int((await self.store.counts())["refused"])

    async def raw(self, text: bytes, until_closed: bool = True) -> bytes:
        """What comes back to bytes on a connection of its own."""
        reader, writer = await asyncio.open_connection("127.0.0.1", int(self.url.rsplit(":", 1)[1]))
        try:
            writer.write(text)
            return await asyncio.wait_for(reader.read() if until_closed else reader.readuntil(b"\r\n\r\n"), 20)
        finally:
            writer.close()


@asynccontextmanager
async def sender_for(
    folder: Path, wrong_credentials: Any = 401, off: str | None = None, **bounds: Any
) -> AsyncIterator[Sender]:
    catalog = open_project(write_project(folder / "project"), {**SECRETS, "TARGET_URL": "http://127.0.0.1:1"})
    clock = SystemClock()
    store = await MovableStore.open("sqlite://", project=folder, clock=clock)
    espf = catalog.settings.receive.espf
    assert isinstance(espf, EspfReceiver)
    settings = replace(
        catalog.settings.receive, espf=replace(espf, wrong_credentials=wrong_credentials, off=off), nsps=None
    )
    put: list[tuple[str, tuple[int, ...]]] = []
    reception = Reception(
        store=store,
        refusals=Refusals(store, clock, Telling()),
        clock=clock,
        new_id=new_event_id,
        route=lambda event: route(event, catalog),
        put=lambda pipeline, ids: put.append((pipeline, tuple(ids))),
        **bounds,
    )
    receiver = Receiver(reception, doors_of(settings, reception, None, str), lambda: {"queue": "ok"})
    async with serving(receiver) as url, httpx2.AsyncClient() as client:  # type: ignore[arg-type]
        sender = Sender(client, url, store, receiver)
        sender.put = put
        yield sender
    await store.close()


@pytest.fixture
async def sender(tmp_path: Path) -> AsyncIterator[Sender]:
    async with sender_for(tmp_path) as one:
        yield one


async def test_an_event_is_answered_200_once_stored_and_its_delivery_is_handed_to_the_queue(sender: Sender) -> None:
    answer = await sender.post()
    assert answer.status_code == 200
    (event,) = await sender.events()
    assert answer.json() == {"event_id": event.id, "repeat": False, "pipelines": ["main"]}
    assert event.body == orjson.dumps(UPDATED)
    assert sender.put == [("main", (event.deliveries[0].id,))]


async def test_200_comes_only_after_the_commit(sender: Sender) -> None:
    sender.store.gate = asyncio.Event()
    asked = asyncio.create_task(sender.post())
    done, _ = await asyncio.wait([asked], timeout=0.1)
    assert not done
    sender.store.gate.set()
    assert (await asked).status_code == 200


async def test_every_body_variant_of_espf_is_taken(sender: Sender) -> None:
    bodies = [
        b'{"event_type":"SIM/Updated","variables":{"i_event":"5","i_account":"1000889"}}',
        b'{"event_type":"SIM/Updated","variables":{"i_account":1000889,"i_event":7615}}',
        b'{"event_type":"SIM/Updated","i_event":8,"variables":{"i_account":1}}',
        b'{"event_type":"SIM/Updated"}',
        b'{"event_type":"SIM/Updated","variables":null}',
    ]
    assert [(await sender.post(body)).status_code for body in bodies] == [200] * 5
    assert {event.i_event for event in await sender.events()} == {"5", "7615", "8", None}


async def test_a_repeat_is_answered_200_counted_and_not_delivered_again(sender: Sender) -> None:
    answers = await asyncio.gather(*(sender.post() for _ in range(10)))
    assert [answer.status_code for answer in answers] == [200] * 10
    assert sum(answer.json()["repeat"] for answer in answers) == 9
    (event,) = await sender.events()
    assert event.repeats == 9
    assert len(sender.put) == 1


async def test_the_same_id_with_other_content_is_another_event_that_names_the_first(sender: Sender) -> None:
    first = (await sender.post()).json()["event_id"]
    other = await sender.post({**UPDATED, "variables": {"i_event": 7, "i_account": 6}})
    assert not other.json()["repeat"]
    assert {event.same_id_as for event in await sender.events()} == {None, first}


async def test_the_same_id_in_another_environment_is_another_event(sender: Sender) -> None:
    for i_env in (1, 2):
        await sender.post({**UPDATED, "variables": {"i_event": 7, "i_env": i_env}})
    assert {event.same_id_as for event in await sender.events()} == {None}
    assert len(await sender.events()) == 2


async def test_an_event_no_pipeline_takes_is_200_and_visible(sender: Sender) -> None:
    answer = await sender.post({"event_type": "Nobody/Wants", "variables": {"i_event": 1}})
    assert (answer.status_code, answer.json()["pipelines"]) == (200, [])
    assert [event.event_type for event in await sender.store.events(EventFilter(state="unrouted"))] == ["Nobody/Wants"]


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Basic " + b64encode(f"second:{PASSWORD}".encode()).decode()},
        {"authorization": f"Key {SECRETS['ESPF_KEY']}"},
    ],
)
async def test_several_pairs_and_the_custom_scheme_are_accepted(sender: Sender, headers: dict[str, str]) -> None:
    assert (await sender.post(auth=None, headers=headers)).status_code == 200


async def test_wrong_credentials_are_401_counted_and_kept_without_the_credentials(sender: Sender) -> None:
    answer = await sender.post(auth=("espf", "guessed-word"), headers={"x-other-secret": "guessed-word"})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic")
    assert await sender.events() == []
    (kept,) = await sender.store.refusals(10)
    assert (kept.status, kept.body, await sender.refused()) == (401, orjson.dumps(UPDATED), 1)
    assert "guessed-word" not in str(kept.headers)
    assert "Z3Vlc3NlZC13b3Jk" not in str(kept.headers)


async def test_wrong_credentials_are_503_where_the_settings_say_so(tmp_path: Path) -> None:
    async with sender_for(tmp_path, wrong_credentials=503) as sender:
        answer = await sender.post(auth=("espf", "x"))
        assert (answer.status_code, await sender.refused()) == (503, 1)
        assert answer.headers["retry-after"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"event_type":"A/B","variables":[]}', b'{"a":1,"a":2}'])
async def test_what_can_never_be_an_event_is_400_and_kept(sender: Sender, body: bytes) -> None:
    answer = await sender.post(body)
    assert answer.status_code == 400
    assert answer.json()["error"]
    (kept,) = await sender.store.refusals(10)
    assert (kept.status, kept.body) == (400, body)


async def test_a_body_of_one_mebibyte_is_taken_and_one_byte_more_is_413_and_counted(sender: Sender) -> None:
    def sized(size: int) -> bytes:
        beginning = b'{"event_type":"SIM/Updated","variables":{"x":"'
        return beginning + b"a" * (size - len(beginning) - 3) + b'"}}'

    assert (await sender.post(sized(1024 * 1024))).status_code == 200
    answer = await sender.post(sized(1024 * 1024 + 1))
    assert (answer.status_code, await sender.refused()) == (413, 1)
    assert answer.headers["connection"] == "close"


async def test_a_chunked_body_that_is_too_large_is_413_too(sender: Sender) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(32):
            yield b"x" * 65536

    answer = await sender.client.post(f"{sender.url}/espf", content=chunks(), auth=("espf", PASSWORD))
    assert answer.status_code == 413


async def test_a_chunked_body_without_end_is_cut_after_a_bounded_amount(sender: Sender) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", int(sender.url.rsplit(":", 1)[1]))
    writer.write(b"POST /espf HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
    sent = 0
    with pytest.raises(ConnectionError):
        while sent < 100 * 1024 * 1024:
            writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            await writer.drain()
            sent += 65536
    writer.close()
    assert await sender.refused() == 1


async def test_a_body_that_drips_is_503_within_a_bound(tmp_path: Path) -> None:
    async with sender_for(tmp_path, body_within_s=0.1) as sender:
        answer = await sender.raw(b"POST /espf HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{")
        assert answer.startswith(b"HTTP/1.1 503")
        assert b"retry-after" in answer
        assert await sender.refused() == 0


async def test_a_content_length_that_lies_is_no_event(sender: Sender) -> None:
    authorization = b64encode(f"espf:{PASSWORD}".encode())
    head = b"POST /espf HTTP/1.1\r\nhost: x\r\nauthorization: Basic %b\r\nconnection: close\r\n" % authorization
    answer = await sender.raw(head + b'content-length: 10\r\n\r\n{"event_type":"SIM/Updated"}')
    assert answer.startswith(b"HTTP/1.1 400")
    assert await sender.events() == []


async def test_a_sender_that_hangs_up_halfway_leaves_nothing(sender: Sender) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", int(sender.url.rsplit(":", 1)[1]))
    writer.write(b"POST /espf HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{")
    await writer.drain()
    writer.close()
    assert (await sender.post()).status_code == 200
    assert len(await sender.events()) == 1


async def test_a_store_that_is_away_is_503_and_nothing_needs_a_restart(sender: Sender) -> None:
    sender.store.away = True
    answer = await sender.post()
    assert (answer.status_code, sender.put) == (503, [])
    assert answer.headers["retry-after"]
    assert (await sender.client.get(f"{sender.url}/ready")).status_code == 503
    assert (await sender.client.get(f"{sender.url}/health")).status_code == 200
    sender.store.away = False
    assert (await sender.post()).status_code == 200
    assert (await sender.client.get(f"{sender.url}/ready")).json() == {"status": "ready", "store": "ok", "queue": "ok"}


async def test_too_many_at_once_are_told_503_at_once(tmp_path: Path) -> None:
    async with sender_for(tmp_path, at_once=2) as sender:
        sender.store.gate = asyncio.Event()
        two = [asyncio.create_task(sender.post({**UPDATED, "variables": {"i_event": n}})) for n in range(2)]
        while sender.store.asked < 2:
            await asyncio.sleep(0)
        assert (await sender.post()).status_code == 503
        sender.store.gate.set()
        assert [(await one).status_code for one in two] == [200, 200]
        assert (await sender.post()).status_code == 200


async def test_other_methods_are_405_and_say_which(sender: Sender) -> None:
    answer = await sender.client.get(f"{sender.url}/espf")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_a_post_where_nobody_receives_is_404_and_kept_for_its_sender_loses_every_event(sender: Sender) -> None:
    answer = await sender.post(path="/webhook")
    assert (answer.status_code, await sender.refused()) == (404, 1)
    assert "/espf" in answer.json()["error"]
    assert (await sender.client.get(f"{sender.url}/robots.txt")).status_code == 404
    assert await sender.refused() == 1


async def test_a_receiver_that_is_off_is_503_and_says_why(tmp_path: Path) -> None:
    async with sender_for(tmp_path, off="ESPF_PASSWORD is not set") as sender:
        answer = await sender.post()
        assert answer.status_code == 503
        assert "ESPF_PASSWORD is not set" in answer.json()["error"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("463ac35c9f6413ad", "463ac35c9f6413ad"),
        ("463AC35C9F6413AD48485A3953BB6124", "463ac35c9f6413ad48485a3953bb6124"),
        ("0000000000000000", None),
        ("short", None),
        ("", None),
    ],
)
async def test_the_trace_id_is_the_senders_where_it_is_one_else_ours(
    sender: Sender, given: str, kept: str | None
) -> None:
    await sender.post(headers={"x-b3-traceid": given})
    (event,) = await sender.events()
    assert event.trace_id == (kept or event.id.replace("-", ""))
    assert len(event.trace_id) in (16, 32)


async def test_each_reason_for_a_refusal_is_in_the_log_and_what_repeats_at_the_end(sender: Sender) -> None:
    bodies = [b"", b"[]", b"\xff", b'{"a":NaN}', b'{"a":1,"a":2}', b'{"b":1,"b":2}']
    with capture_logs() as logs:
        for body in bodies:
            await sender.post(body)
        sender.receiver.close()
    whys = [line["why"] for line in logs if "why" in line]
    assert len(whys) == 5 and "it is empty" in whys[0] and "stands twice" in whys[4]
    assert [list(line["kinds"].values()) for line in logs if "kinds" in line] == [[1]]
