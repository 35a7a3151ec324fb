"""No password of a store's or queue's address is shown, neither by us nor by its driver."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.addresses import kind_of, shown, without_secrets
from engine.clock import SystemClock
from engine.errors import QueueUnreachable, StoreUnavailable, WrongUse
from engine.loading.load import load_project
from engine.queues import open_queue
from engine.queues.examining import examine
from engine.storage.store import Store

ADDRESSES = [
    ("embedded", "embedded"),
    ("sqlite:///var/nsps.db", "sqlite:///var/nsps.db"),
    ("redis://127.0.0.1:1/0", "redis://127.0.0.1:1/0"),
    ("redis://127.0.0.1:1/0?password=pw-hush2", "redis://127.0.0.1:1/0"),
    ("redis://:p@hush9@127.0.0.1:1/0", "redis://***@127.0.0.1:1/0"),
    ("redis://:p/hush9@127.0.0.1:1/0", "redis://***@127.0.0.1:1/0"),
    ("redis://:p?hush9@127.0.0.1:1/0?a=b", "redis://***@127.0.0.1:1/0"),
    ("amqp://u:hush9@127.0.0.1:1/v?heartbeat=5", "amqp://***@127.0.0.1:1/v"),
    ("postgresql://db/x?user=u&password=se@hush9", "postgresql://db/x"),
    ("postgresql://u:hush9@a:1,b:2/x?sslpassword=hush8", "postgresql://***@a:1,b:2/x"),
]


@pytest.mark.parametrize(("url", "expected"), ADDRESSES)
def test_an_address_is_shown_without_credentials_and_query(url: str, expected: str) -> None:
    assert shown(url) == expected


@pytest.mark.parametrize(
    ("url", "said", "expected"),
    [
        (
            "postgresql://u:se@krit99@127.0.0.1:1/x",
            "failed to resolve host 'krit99@127.0.0.1'",
            "failed to resolve host '***@127.0.0.1'",
        ),
        ("postgresql://u:secret@k@db/x", "failed to resolve host 'k@db'", "failed to resolve host '***'"),
        ("postgresql://u:se%40krit@db/x", "wrong password se@krit", "wrong password ***"),
        ("postgresql://db/x?password=sekrit99", 'invalid "sekrit99"', 'invalid "***"'),
        ("postgresql://u:sekrit/99@db/x", 'invalid integer value "sekrit" for "port"', 'invalid integer value "***" for "port"'),
        ("postgresql://nsps:nsps@db/nsps", 'no database "nsps"', 'no database "nsps"'),
    ],
)  # fmt: skip
def test_what_a_driver_says_of_an_address_holds_no_password_of_it(url: str, said: str, expected: str) -> None:
    assert without_secrets(said, url) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [("reddis://h", "did you mean redis?"), ("Redis://h", "redis://HOST"), ("ampq://h", "did you mean amqp?")],
)
def test_a_misspelt_kind_of_queue_is_told_what_was_meant(url: str, expected: str) -> None:
    with pytest.raises(WrongUse, match="no queue this version knows") as failed:
        open_queue(url, "acme")
    assert expected in str(failed.value)


@pytest.mark.parametrize("written", ["queue: reddis://hush99", "store: postgres://hush99/x"])
@pytest.mark.parametrize("from_environment", [False, True])
def test_a_misspelt_kind_in_nsps_yaml_is_told_what_was_meant(
    tmp_path: Path, written: str, from_environment: bool
) -> None:
    key, _, url = written.partition(": ")
    (tmp_path / "nsps.yaml").write_text(f"instance: a\n{key}: {'${ADDRESS}' if from_environment else url}\n")
    loaded = load_project(tmp_path, {"ADDRESS": url}, placeholders=False)
    notes = [note for problem in loaded.problems for note in problem.notes]
    assert f"did you mean {'redis' if key == 'queue' else 'postgresql'}://?" in notes
    assert "hush99" not in "".join(notes)


async def test_a_misspelt_kind_of_store_is_told_what_was_meant(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match=r"`postgresq:` is no store; did you mean postgresql\?"):
        await Store.open("postgresq://h/x", project=tmp_path, clock=SystemClock())


async def test_a_server_that_is_away_at_the_start_is_told_on_one_line_with_what_to_check(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable) as failed:
        await Store.open("postgresql://u@127.0.0.1:1/x", project=tmp_path, clock=SystemClock())
    said = str(failed.value)
    assert "See that the server runs and that the address is right" in said
    assert "by itself" not in said and "?." not in said and "\n" not in said


@pytest.mark.parametrize(("text", "kind"), [("redis://h", "redis"), ("host=h password=hush9", ""), ("hu sh:9", "")])
def test_the_kind_of_an_address_is_no_part_of_a_password(text: str, kind: str) -> None:
    assert kind_of(text) == kind


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:se@hush99@127.0.0.1:1/x",
        "postgresql://u:se/hush99@127.0.0.1:1/x",
        "postgresql://u:hush99@127.0.0.1:1/x",
        "postgresql://127.0.0.1:1/x?user=u&password=hush99",
        "postgresql://127.0.0.1:1/x?passwort=hush99",
        "host=127.0.0.1 port=1 password=hush99",
    ],
)
async def test_no_error_of_a_store_holds_a_password(url: str, tmp_path: Path) -> None:
    with pytest.raises((StoreUnavailable, WrongUse)) as failed:
        await Store.open(url, project=tmp_path, clock=SystemClock())
    assert "hush99" not in str(failed.value)


@pytest.mark.parametrize(
    "url",
    [
        "redis://:se@hush99@127.0.0.1:1/0",
        "redis://:se/hush99@127.0.0.1:1/0",
        "redis://u:hush99/x@127.0.0.1:1/0",
        "redis://127.0.0.1:1/0?password=hush99",
        "redis://127.0.0.1:1/0?password=hush99&db=x",
        "amqp://u:se@hush99@127.0.0.1:1",
        "amqp://u:hush99/x@127.0.0.1:1",
        "amqp://u:hush99@127.0.0.1:1/?heartbeat=hush",
        "user hush99",
    ],
)
async def test_no_error_of_a_queue_holds_a_password(url: str) -> None:
    said, standing = "", ""
    try:
        queue = open_queue(url, "acme")
        try:
            await queue.depth()
        finally:
            await queue.close()
    except WrongUse as error:
        said, standing = str(error), "must"
    except QueueUnreachable as error:
        said, standing = str(error), "note"  # a process starts without its queue
    assert said and "hush99" not in said
    found = await examine(url, "acme")
    assert found[0].standing == standing
    assert "hush99" not in "".join(one.what + one.do for one in found)
