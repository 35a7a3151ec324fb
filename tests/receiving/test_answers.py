from __future__ import annotations

import pytest

from engine.delivery import Ending
from engine.receiving.answers import Said, answer_of, refused


def said(ending: Ending, state: str = "failed") -> Said:
    return Said(pipeline="hss", state=state, reason=ending.reason, ending=ending)


@pytest.mark.parametrize("state", ["delivered", "skipped", "superseded"])
def test_what_ended_well_is_202_and_says_how(state: str) -> None:
    answer = answer_of("SIM/Updated", [Said(pipeline="hss", state=state, reason="why")])
    assert answer.status == 202
    assert answer.body == {"message": f"Event {state}. hss: {state} (why)"}


def test_an_event_no_pipeline_takes_is_202_and_says_so() -> None:
    assert answer_of("X/Y", []).body == {"message": "Event ignored: no pipeline takes X/Y"}


@pytest.mark.parametrize(
    ("ending", "status", "kind"),
    [
        (Ending(kind="retry", fault="connect"), 503, "CONNECTION_ERROR"),
        (Ending(kind="retry", fault="timeout"), 503, "CONNECTION_ERROR"),
        (Ending(kind="retry", fault="lost"), 503, "CONNECTION_ERROR"),
        (Ending(kind="wait"), 503, "CONNECTION_ERROR"),
        (Ending(kind="retry", status=429), 429, "RATE_LIMIT_ERROR"),
        (Ending(kind="retry", status=500), 500, "SERVICE_ERROR"),
        (Ending(kind="retry", fault="unreadable"), 500, "SERVICE_ERROR"),
        (Ending(kind="failed", status=400), 422, "VALIDATION_ERROR"),
        (Ending(kind="failed", ours=True), 500, "INTERNAL_ERROR"),
        (Ending(kind="failed", status=404, answer=404), 404, "VALIDATION_ERROR"),
        (Ending(kind="retry", status=404, answer=404), 404, "VALIDATION_ERROR"),
        (Ending(kind="failed", answer=422), 422, "VALIDATION_ERROR"),
        (Ending(kind="failed", answer=429), 429, "RATE_LIMIT_ERROR"),
        (Ending(kind="failed", fault="timeout", answer=404), 404, "VALIDATION_ERROR"),
    ],
)
def test_each_ending_has_its_code_and_type(ending: Ending, status: int, kind: str) -> None:
    answer = answer_of("SIM/Updated", [said(ending)])
    assert (answer.status, answer.body["type"]) == (status, kind)
    assert set(answer.body) == {"message", "error", "type"}
    assert all(answer.body.values())


def test_a_skip_rule_may_answer_404() -> None:
    assert answer_of("X/Y", [said(Ending(kind="skipped", answer=404, reason="gone"), "skipped")]).status == 404


def test_what_never_started_is_503_and_worth_repeating() -> None:
    answer = answer_of("X/Y", [Said(pipeline="hss", state="failed", reason="paused by ann")])
    assert (answer.status, answer.body["type"]) == (503, "CONNECTION_ERROR")
    assert answer.retry_after_s
    assert "paused by ann" in answer.body["error"]


def test_of_several_pipelines_one_bad_end_decides() -> None:
    good = Said(pipeline="crm", state="delivered")
    assert answer_of("X/Y", [good, said(Ending(kind="retry", status=500))]).status == 500


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, "AUTHENTICATION_ERROR"), (404, "VALIDATION_ERROR"), (405, "VALIDATION_ERROR"), (422, "VALIDATION_ERROR")],
)
def test_refusals_use_the_documented_pairs(status: int, kind: str) -> None:
    assert refused(status, "why").body["type"] == kind


def test_401_says_how_to_authenticate() -> None:
    assert (b"www-authenticate", b"Bearer") in refused(401, "").headers
