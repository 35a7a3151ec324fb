"""Replies to verdicts."""

from __future__ import annotations

from typing import Any

import pytest
from scripted import failing, operation, reply, rule

from engine.connector import VerdictRule
from engine.verdict import Verdict, judge


def judged(
    *rules: VerdictRule, args: Any = None, config: Any = None, result: str | None = None, **parts: Any
) -> Verdict:
    more = {"result": result} if result else {}
    return judge(operation("sync", verdicts=rules, **more), reply(**parts), args or {}, config or {})


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_a_readable_2xx_is_ok(status: int) -> None:
    assert judged(status=status).kind == "ok"


@pytest.mark.parametrize("status", [100, 199, 300, 301, 400, 401, 404, 409, 422, 429, 500, 503])
def test_everything_else_is_retry(status: int) -> None:
    verdict = judged(status=status)
    assert (verdict.kind, verdict.status) == ("retry", status)


@pytest.mark.parametrize("error", ["connect", "timeout", "lost", "unreadable"])
def test_a_fault_of_the_world_is_retry_and_kept(error: Any) -> None:
    verdict = judged(error=error)
    assert (verdict.kind, verdict.fault) == ("retry", error)


def test_a_2xx_that_cannot_be_read_is_retry() -> None:
    verdict = judged(status=200, error="unreadable", text="<html>")
    assert verdict.kind == "retry"
    assert verdict.reason == "HTTP 200: the answer of sys.sync cannot be read as json"


def test_the_reason_of_a_redirect_says_where_it_pointed() -> None:
    verdict = judged(
        status=302, text="<html>Moved</html>", detail="it points to https://other/; redirects are never followed"
    )
    assert verdict.reason == "HTTP 302 from sys.sync: it points to https://other/; redirects are never followed"


def test_other_transports_are_ok_without_an_error() -> None:
    assert judged(status="00000").kind == "ok"
    assert judged(status=None).kind == "ok"


def test_the_first_rule_that_holds_decides() -> None:
    rules = [rule("skip", "status == `404`", "gone"), rule("fail", "status >= `400`", "bad"), rule("ok")]
    assert [judged(*rules, status=status).kind for status in (404, 422, 503, 301)] == ["skip", "fail", "fail", "ok"]


def test_rules_judge_faults_too() -> None:
    assert judged(rule("fail", "error == 'timeout'", "too slow"), error="timeout").reason == "too slow"


@pytest.mark.parametrize(
    "condition",
    ["status == `418`", "headers.\"x-a\" == 'b'", "body.a == `1`", "matches(text, 'a')", "args.x == `2`", "config.y"],
)
def test_a_rule_sees_the_reply_the_arguments_and_the_config(condition: str) -> None:
    verdict = judged(
        rule("skip", condition),
        status=418,
        headers={"x-a": "b"},
        body={"a": 1},
        text='{"a": 1}',
        args={"x": 2},
        config={"y": True},
    )
    assert verdict.kind == "skip"


def test_a_rule_gives_reason_case_result_and_answer() -> None:
    verdict = judged(
        rule("ok", "!body", "none: {{ args.imsi }}", case="missing", result="args.imsi", answer=404),
        args={"imsi": "1"},
    )
    assert (verdict.reason, verdict.case, verdict.result, verdict.answer) == ("none: 1", "missing", "1", 404)


def test_the_result_is_the_body_or_what_the_operation_says() -> None:
    assert judged(body={"a": {"b": 1}}).result == {"a": {"b": 1}}
    assert judged(body={"a": {"b": 1}}, result="body.a.b").result == 1


def test_what_did_not_succeed_has_no_result() -> None:
    assert judged(status=503, body={"a": 1}).result is None
    assert judged(rule("skip"), body={"a": 1}).result is None


def test_a_rule_that_fails_means_retry_and_says_where() -> None:
    verdict = judged(rule("fail", failing("split takes text")), rule("ok"), status=200)
    assert (verdict.kind, verdict.decided_by) == ("retry", "broken rule")
    assert verdict.reason == "judging the reply failed: pipelines/p.yaml:7:3: split takes text"


def test_a_result_that_fails_means_retry() -> None:
    assert judged(result="split(body, ',')", body=5).kind == "retry"


def test_undefined_in_a_reason_reads_as_nothing() -> None:
    assert judged(rule("fail", reason="refused {{ body.error.text }}"), body={}).reason == "refused"


def test_a_reason_that_fails_keeps_the_verdict() -> None:
    verdict = judged(rule("ok", reason="{{ body | split(',') }}"), status=200, body=5)
    assert verdict.kind == "ok"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"error": "try later"}, "try later"),
        ({"message": "busy"}, "busy"),
        ({"detail": "no token"}, "no token"),
        ({"detail": {"message": "a", "error": "b"}}, "b"),
        ({"detail": [{"loc": ["x"], "msg": "field required"}]}, "field required"),
        ({"error": {"code": 5, "message": "deep"}}, "deep"),
        ({"faultcode": "X", "faultstring": "no session"}, "no session"),
        ({"error": True, "message": "told"}, "told"),
        ({"error": "x" * 500}, "x" * 199 + "…"),
    ],
)
def test_the_default_reason_tells_what_the_system_says(body: Any, said: str) -> None:
    assert judged(status=503, body=body).reason == f"HTTP 503 from sys.sync: {said}"


def test_a_page_of_html_is_told_as_text_on_one_line() -> None:
    page = "<html><title>502 Bad\nGateway</title><hr>nginx</html>"
    assert judged(status=502, text=page).reason == "HTTP 502 from sys.sync: 502 Bad Gateway nginx"


def test_a_silent_reply_is_told_by_its_status() -> None:
    assert judged(status=500).reason == "HTTP 500 from sys.sync"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("connect", "nothing was sent to sys.sync: it could not be reached: connection refused"),
        ("timeout", "no answer from sys.sync in time; it may have done it: connection refused"),
        ("lost", "the connection to sys.sync broke before it answered; it may have done it: connection refused"),
    ],
)
def test_a_fault_is_told_in_words_with_what_the_transport_saw(error: Any, reason: str) -> None:
    assert judged(error=error, detail="connection refused").reason == reason


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("timeout", "no answer from sys.sync in time"),
        ("lost", "the connection to sys.sync broke before it answered"),
    ],
)
def test_of_what_only_reads_nobody_asks_whether_it_was_done(error: Any, reason: str) -> None:
    verdict = judge(operation("sync", read_only=True), reply(error=error, detail=""), {}, {})
    assert verdict.reason == reason


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        ("0", 0),
        ("999999999", 86400),
        ("Sun, 01 Mar 2026 12:00:30 GMT", 30),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0),
        ("Sun, 01 Mar 2027 12:00:30 GMT", 86400),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_retry_after_is_understood_in_both_forms_and_at_most_a_day(header: str, seconds: float | None) -> None:
    assert judged(status=503, headers={"retry-after": header}).retry_after_s == seconds


def test_retry_after_that_the_transport_understood_is_taken() -> None:
    assert judged(rule("retry"), status=429, retry_after_s=7.0).retry_after_s == 7


def test_a_success_asks_nobody_to_wait() -> None:
    assert judged(status=200, headers={"retry-after": "9"}).retry_after_s is None
