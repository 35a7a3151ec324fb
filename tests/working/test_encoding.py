"""What is stored of an attempt: no secret in the trace, and none in the replies beside it."""

from __future__ import annotations

import json
from typing import Any

from engine.delivery import CallTrace, Ending, EnrichmentTrace, Trace
from engine.masking import Masker
from engine.working.encoding import MOST_REPLIES_BYTES, MaskedEncoding, Written


def written(body: Any, secrets: tuple[str, ...] = (), **headers: str) -> Written:
    call = CallTrace(
        connector="portabilling",
        operation="get_account_info",
        step="enrich/portabilling.account_info",
        read_only=True,
        verdict="ok",
        reply={"status": 200, "headers": headers, "body": body},
    )
    asked = EnrichmentTrace(name="portabilling.account_info", asked=True, calls=[call])
    return MaskedEncoding(Masker(secrets)).attempt(Ending(kind="delivered", trace=Trace(enrichments=[asked])))


def test_replies_of_reads_are_kept_beside_the_trace() -> None:
    kept = json.loads(written({"id": 1}).replies)
    assert kept == [
        {
            "call": "portabilling.get_account_info",
            "step": "enrich/portabilling.account_info",
            "arguments_sha": "",
            "reply": {"status": 200, "headers": {}, "body": {"id": 1}},
        }
    ]


def test_a_secret_is_masked_in_both() -> None:
    both = written({"said": "token hush-hush-1 is wrong"}, ("hush-hush-1",))
    assert b"hush-hush" not in both.trace and b"hush-hush" not in both.replies
    assert b"token *** is wrong" in both.trace and b"token *** is wrong" in both.replies


def test_what_secret_fields_hold_is_masked_in_both() -> None:
    both = written({"ki": "00112233445566778899AABBCCDDEEFF"})
    assert b"0011" not in both.trace and b"0011" not in both.replies


def test_headers_that_carry_credentials_are_masked_in_both() -> None:
    both = written({}, (), **{"set-cookie": "sid=abcdef", "content-type": "application/json"})
    assert b"abcdef" not in both.trace and b"abcdef" not in both.replies
    assert b"application/json" in both.replies


def test_replies_that_are_too_much_to_keep_are_left_out_and_the_trace_is_cut() -> None:
    both = written({"text": "x" * (MOST_REPLIES_BYTES + 1)})
    assert both.replies == b"" and json.loads(both.trace)["enrichments"][0]["calls"]
