"""Traces as bytes."""

from __future__ import annotations

from typing import Any

import pytest
from scripted import World, argument, connector, ended, event, mapped, operation, pipeline, step

from engine.delivery import CallTrace, Ending, EnrichmentTrace, StepTrace, Trace
from engine.masking import MASK, Masker
from engine.story import tell
from engine.trace import MOST_BYTES, decode, encode, is_secret_header


def call(**parts: Any) -> CallTrace:
    return CallTrace(connector="c", operation="o", step="s", read_only=False, verdict="ok", **parts)


def told(trace: Trace, masker: Masker | None = None, ending: Ending | None = None) -> dict[str, Any]:
    return decode(encode(trace, ending, masker or Masker()))


async def test_a_trace_comes_back_as_it_was_and_can_be_told() -> None:
    world = World(x={"body": {"id": 1}, "sent": {"method": "POST", "path": "/x", "json": {"a": 1}}})
    flow = pipeline(step("x"), map=mapped(a="`1`"), search={"a": "vars.a"})
    ending = await ended(world, connector(operation("x", argument("a"))), flow)
    back = told(ending.trace, ending=ending)
    assert (back["vars"], back["search"], back["ending"]["kind"]) == ({"a": 1}, {"a": "1"}, "delivered")
    assert back["steps"][0]["calls"][0]["request"] == {"method": "POST", "path": "/x", "json": {"a": 1}}
    assert "POST /x" in "\n".join(tell(back))


def test_every_field_of_a_trace_is_told_but_its_secrets() -> None:
    back = told(
        Trace(enrichments=[EnrichmentTrace(name="n", asked=True)], steps=[StepTrace(id="i", call="c", calls=[call()])])
    )
    assert set(back) - {"v", "ending"} == set(Trace.__slots__) - {"secrets"}
    assert set(back["enrichments"][0]) == set(EnrichmentTrace.__slots__)
    assert set(back["steps"][0]) == set(StepTrace.__slots__)
    assert set(back["steps"][0]["calls"][0]) == set(CallTrace.__slots__)


def test_secrets_are_masked_wherever_they_appear() -> None:
    secret = 's3cr"et\\x'
    trace = Trace(
        vars={"a": secret, secret: 1},
        steps=[StepTrace(id="i", call="c", reason=f"bad {secret}!", calls=[call(reply={"body": [secret]})])],
    )
    data = encode(trace, None, Masker([secret]))
    assert b"s3cr" not in data
    assert MASK.encode() in data


def test_secret_arguments_are_masked_though_the_masker_does_not_know_them() -> None:
    assert b"deadbeef" not in encode(Trace(vars={"ki": "x deadbeef"}, secrets={"deadbeef"}), None, Masker())


@pytest.mark.parametrize("name", ["Authorization", "cookie", "Set-Cookie", "X-Api-Key", "x-auth-token", "X-Signature"])
def test_headers_that_carry_credentials_are_always_masked(name: str) -> None:
    sent = {"headers": {name: "value-1", "accept": "value-2"}}
    trace = Trace(steps=[StepTrace(id="i", call="c", calls=[call(request=sent, reply=sent)])])
    assert encode(trace, None, Masker()).count(b"value-1") == 0
    assert encode(trace, None, Masker()).count(b"value-2") == 2


def test_headers_may_be_pairs() -> None:
    sent = {"headers": [["Cookie", "value-1"], ["accept", "b"]]}
    back = told(Trace(steps=[StepTrace(id="i", call="c", calls=[call(request=sent)])]))
    assert back["steps"][0]["calls"][0]["request"]["headers"] == {"Cookie": MASK, "accept": "b"}


def test_ordinary_headers_are_shown() -> None:
    assert not any(is_secret_header(name) for name in ("accept", "content-type", "x-request-id", "retry-after"))


def test_what_is_too_large_is_cut_and_says_by_how_much() -> None:
    page = {"status": 502, "text": "x" * 1_000_000}
    data = encode(Trace(steps=[StepTrace(id="i", call="c", calls=[call(reply=page)])]), None, Masker())
    assert len(data) <= MOST_BYTES
    text = decode(data)["steps"][0]["calls"][0]["reply"]["text"]
    assert text.endswith("… 983,616 characters more")


def test_a_large_body_becomes_the_beginning_of_its_json() -> None:
    body = {"rows": [{"id": number, "name": "n" * 50} for number in range(5000)]}
    data = encode(Trace(steps=[StepTrace(id="i", call="c", calls=[call(reply={"body": body})])]), None, Masker())
    assert len(data) <= MOST_BYTES
    assert decode(data)["steps"][0]["calls"][0]["reply"]["body"].startswith('{"rows":[{"id":0,')


def test_a_secret_across_a_cut_is_masked_before_it_is_cut() -> None:
    text = "x" * 16_380 + "topsecretvalue" + "y" * 90_000
    assert b"topse" not in encode(Trace(vars={"t": text}), None, Masker(["topsecretvalue"]))


def test_thousands_of_items_are_told_by_the_first_and_last() -> None:
    steps = [
        StepTrace(id="i", call="c", index=n, calls=[call(reply={"body": {"n": n, "t": "y" * 90}})]) for n in range(5000)
    ]
    data = encode(Trace(steps=steps), None, Masker())
    assert len(data) <= MOST_BYTES
    back = decode(data)
    assert (back["steps"][0]["index"], back["steps"][-1]["index"]) == (0, 4999)
    assert back["omitted"] == {"enrichments": 0, "steps": 5000}


def test_many_large_vars_still_fit() -> None:
    trace = Trace(vars={f"v{n}": "z" * 500 for n in range(2000)}, pb_data={f"b{n}": "z" * 900 for n in range(2000)})
    assert len(encode(trace, None, Masker())) <= MOST_BYTES


def test_numbers_of_any_size_are_told_as_they_are() -> None:
    assert told(Trace(vars={"n": 2**80}))["vars"] == {"n": 2**80}


async def test_an_event_with_facts_tells_them() -> None:
    flow = pipeline(step("x"))
    ending = await ended(World(), connector(operation("x")), flow, event=event(source="nsps", facts={"a": 1}))
    assert told(ending.trace)["pb_data"] == {"a": 1}
