from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from engine.clock import VirtualClock
from engine.simulators.espf import EspfSender
from engine.simulators.faults import Fault, Faults, Faulty
from engine.simulators.serve import serving

NOON = datetime(2025, 5, 1, 12, tzinfo=UTC)


class Taker:
    """Answers 200 to everything and keeps it."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], dict[str, Any]]] = []
        self.faults = Faults()
        self.app = Faulty(self.take, self.faults)

    async def take(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = (await receive())["body"]
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.requests.append((headers, json.loads(body)))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def taker() -> Taker:
    return Taker()


@pytest.fixture
async def sender(taker: Taker) -> AsyncIterator[EspfSender]:
    async with serving(taker.app) as url:
        yield EspfSender(f"{url}/espf", ("espf", "pass:word"), VirtualClock(NOON))


async def test_an_event_has_the_documented_form(sender: EspfSender, taker: Taker) -> None:
    sender.emit("SIM/Updated", i_account=277147)
    assert await sender.send_all()
    headers, body = taker.requests[0]
    variables = {"i_env": 1, "i_event": 810001, "i_account": 277147, "event_time": "2025-05-01 12:00:00"}
    assert body == {"event_type": "SIM/Updated", "variables": variables}
    assert base64.b64decode(headers["authorization"].removeprefix("Basic ")) == b"espf:pass:word"
    assert headers["date"] == "Thu, 01 May 2025 12:00:00 GMT"


async def test_event_ids_grow(sender: EspfSender) -> None:
    ids = [sender.emit("SIM/Updated", i_account=1).variables["i_event"] for _ in range(3)]
    assert ids == sorted(set(ids))


@pytest.mark.parametrize("status", [500, 503, 201, 202, 204, 302])
async def test_anything_but_200_and_4xx_is_sent_again_as_the_same_bytes(
    sender: EspfSender, taker: Taker, status: int
) -> None:
    queued = sender.emit("SIM/Updated", i_account=1)
    taker.faults.then(status)
    assert not await sender.send_all()
    assert await sender.send_all()
    assert queued.statuses == [status, 200]
    assert sender.accepted == [queued]


@pytest.mark.parametrize("status", [400, 401, 404, 429])
async def test_a_4xx_loses_the_event_for_good(sender: EspfSender, taker: Taker, status: int) -> None:
    queued = sender.emit("SIM/Updated", i_account=1)
    taker.faults.then(status)
    assert await sender.send_all()
    assert (sender.dropped, sender.queue, taker.requests) == ([queued], [], [])


@pytest.mark.parametrize("kind", ["drop", "lose"])
async def test_without_an_answer_it_is_sent_again(sender: EspfSender, taker: Taker, kind: str) -> None:
    queued = sender.emit("SIM/Updated", i_account=1)
    taker.faults.then(kind)
    assert not await sender.send_all()
    assert await sender.send_all()
    assert queued.statuses == [None, 200]


async def test_an_answer_that_takes_too_long_is_none(sender: EspfSender, taker: Taker) -> None:
    sender.timeout_s = 0.05
    queued = sender.emit("SIM/Updated", i_account=1)
    taker.faults.next.append(Fault(kind="hang"))
    assert not await sender.send_all()
    assert queued.statuses == [None]


async def test_nobody_listening_is_no_answer() -> None:
    sender = EspfSender("http://127.0.0.1:1/espf")
    queued = sender.emit("SIM/Updated", i_account=1)
    assert not await sender.send_all()
    assert queued.statuses == [None]
