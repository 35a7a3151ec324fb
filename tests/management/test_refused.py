"""`nsps refused` shows what senders posted and was not taken, and lets one in."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from engine.clock import SystemClock
from engine.storage.protocol import Refusal
from tests.keyboard import Keyboard, at_a_store, sim, store_of
from tests.target import write_project


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_project(tmp_path / "project")


@pytest.fixture
def nsps(folder: Path, capsys: pytest.CaptureFixture[str]) -> Keyboard:
    return at_a_store(folder, capsys)


def refuse(folder: Path, body: bytes, reason: str = "wrong credentials", status: int = 401) -> None:
    async def work() -> None:
        async with store_of(folder) as store:
            await store.refuse(
                Refusal(
                    at=SystemClock().now(),
                    source="espf",
                    status=status,
                    reason=reason,
                    sender="10.0.0.7",
                    headers={},
                    body=body,
                )
            )

    asyncio.run(work())


def test_nothing_refused_is_said(nsps: Keyboard) -> None:
    assert nsps("refused").out == "nothing was refused\n"


def test_each_refusal_is_told_with_what_was_answered_and_why(folder: Path, nsps: Keyboard) -> None:
    refuse(folder, json.dumps(sim(5)).encode())
    head, line, tail = nsps("refused").out.splitlines()
    assert head.split() == ["ID", "AT", "RECEIVER", "ANSWER", "SENDER", "WHY"]
    assert "espf" in line and "401" in line and "10.0.0.7" in line and line.endswith("wrong credentials")
    assert tail == "1 refused in all, 1 shown.  To let one in: nsps refused admit ID"
    assert "1 refused and kept  (nsps refused)" in nsps("status").out


def test_one_is_let_in_once_and_delivered_like_any_event(folder: Path, nsps: Keyboard) -> None:
    refuse(folder, json.dumps(sim(5)).encode())
    (kept,) = json.loads(nsps("refused", "--format", "json").out)
    said = nsps("refused", "admit", str(kept["id"]))
    assert said.code == 0 and said.out.startswith("admitted as event ")
    assert "waiting" in nsps("events", "5").out
    assert "admitted as" in nsps("refused").out
    again = nsps("refused", "admit", str(kept["id"]))
    assert again.code == 2 and "was admitted before, as event" in again.err


def test_what_can_be_no_event_is_said(folder: Path, nsps: Keyboard) -> None:
    refuse(folder, b"<html>", "not JSON", 400)
    (kept,) = json.loads(nsps("refused", "--format", "json").out)
    said = nsps("refused", "admit", str(kept["id"]))
    assert said.code == 2 and "its body can be no event: " in said.err


@pytest.mark.parametrize(
    "body",
    [
        b'{"event_type": "SIM/Updated", "sim_info": {"encrypted_ki": "A1B2C3D4E5F6", "imsi": "250991234567890"}}',
        b'{"sim_info": {"imsi": "250991234567890", "OPc" : "A1B2C3D4E5F6", "no',  # the sender hung up
        b'{"imsi": "250991234567890", "password": "A1B2C3D4E5F6',
        b'{"imsi": "250991234567890", "password": {"v": "A1B2C3D4E5F6"}, "opc": ["A1B2C3"]}',
        b'{"imsi": "250991234567890", "password": "\\"A1B2C3", "ki": 1231231231231231231231231231231A1B2C3}',
    ],
    ids=["whole", "cut after it", "cut within it", "an object", "quotes and numbers"],
)
def test_what_a_body_holds_in_secret_fields_is_not_shown(folder: Path, nsps: Keyboard, body: bytes) -> None:
    refuse(folder, body, "wrong token")
    said = nsps("refused", "--format", "json").out
    assert "A1B2C3" not in said and "250991234567890" in said


def test_what_is_masked_in_a_body_is_masked_nowhere_else(folder: Path, nsps: Keyboard) -> None:
    """A PIN of one digit is no reason to hide the number of the refusal."""
    refuse(folder, b'{"pin": 1, "kid": "body", "puk": null, "password": "", "status": null, "n": 1}', "a null is wrong")
    (said,) = json.loads(nsps("refused", "--format", "json").out)
    assert (said["id"], said["reason"]) == (1, "a null is wrong")
    assert said["body"] == '{"pin": "***", "kid": "***", "puk": null, "password": "", "status": null, "n": 1}'


def test_an_unknown_number_is_said(nsps: Keyboard) -> None:
    said = nsps("refused", "admit", "99")
    assert (said.code, said.err) == (2, "nsps: no refusal 99 is kept; nsps refused lists those that are\n")
