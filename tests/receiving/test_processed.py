"""The connector role, as PortaOne's NSPS meets it: the ten documented cases of domain.md 5.4, repeats, lanes, pauses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from engine.storage.protocol import Hold
from tests.running import Whole, until, whole
from tests.target import NSPS, PIPELINE


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Whole]:
    async with whole(tmp_path / "project") as one:
        yield one


def documented(answer: httpx2.Response, status: int, kind: str) -> dict[str, Any]:
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["type"]) == (status, kind)
    assert {"message", "error", "type"} <= set(body)
    return body


async def test_case_1_health_is_200_without_credentials(running: Whole) -> None:
    assert (await running.client.get(f"{running.url}/health")).status_code == 200
    assert running.target.requests == []


async def test_case_2_a_valid_event_is_delivered_and_answered_202(running: Whole) -> None:
    answer = await running.envelope()
    assert (answer.status_code, answer.json()) == (202, {"message": "Event delivered. main: delivered"})
    assert running.target.requests == [{"key": "5", "value": 1}]
    assert await running.states("e1") == ["delivered"]


@pytest.mark.parametrize("token", ["", "wrong"])
async def test_case_3_a_bad_or_missing_token_is_401(running: Whole, token: str) -> None:
    answer = await running.nsps({"event_id": "e1", "data": {"event_type": "SIM/Updated"}}, token)
    documented(answer, 401, "AUTHENTICATION_ERROR")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert running.target.requests == []


async def test_case_4_an_unknown_entity_is_404_when_a_rule_says_so(running: Whole) -> None:
    documented(await running.envelope(gone=True), 404, "VALIDATION_ERROR")
    assert running.target.requests == []
    running.target.answers = [404]
    documented(await running.envelope("e2"), 404, "VALIDATION_ERROR")


async def test_case_5_a_wrong_method_is_405(running: Whole) -> None:
    answer = await running.client.get(f"{running.url}/process-event")
    documented(answer, 405, "VALIDATION_ERROR")
    assert answer.headers["allow"] == "POST"


MALFORMED: list[Any] = [
    {},
    {"data": {"event_type": "SIM/Updated"}},
    {"event_id": 5, "data": {"event_type": "X/Y"}},
    {"event_id": "e", "data": {}},
]


@pytest.mark.parametrize("body", MALFORMED)
async def test_case_6_a_malformed_envelope_is_422(running: Whole, body: Any) -> None:
    documented(await running.nsps(body), 422, "VALIDATION_ERROR")
    assert int((await running.parts.store.counts())["refused"]) == 1


async def test_case_7_a_rate_limited_system_is_429(running: Whole) -> None:
    running.target.answers = [429]
    documented(await running.envelope(), 429, "RATE_LIMIT_ERROR")


async def test_case_8_a_failing_system_is_500_and_a_final_refusal_422(running: Whole) -> None:
    running.target.answers = [500, 400]
    documented(await running.envelope("e1"), 500, "SERVICE_ERROR")
    assert "code 400" in documented(await running.envelope("e2"), 422, "VALIDATION_ERROR")["error"]


async def test_case_8_an_error_of_ours_is_500_internal(running: Whole) -> None:
    documented(await running.envelope(i_account=None), 500, "INTERNAL_ERROR")


async def test_case_9_a_system_that_is_not_there_is_503(tmp_path: Path) -> None:
    async with whole(tmp_path / "project", TARGET_URL="http://127.0.0.1:1") as running:
        answer = await running.envelope()
        documented(answer, 503, "CONNECTION_ERROR")
        assert answer.headers["retry-after"]


async def test_a_skipped_event_is_202_and_says_why(running: Whole) -> None:
    answer = await running.envelope(skip=True)
    assert (answer.status_code, answer.json()["message"]) == (202, "Event skipped. main: skipped (asked to)")


async def test_an_event_no_pipeline_takes_is_202_and_stored(running: Whole) -> None:
    answer = await running.nsps({"event_id": "e9", "data": {"event_type": "No/Body"}, "surprise": 1})
    assert (answer.status_code, answer.json()["message"]) == (202, "Event ignored: no pipeline takes No/Body")
    assert (await running.event("e9")).event_type == "No/Body"


async def test_our_retries_are_off_and_a_repeat_of_what_failed_is_attempted_with_the_new_data(running: Whole) -> None:
    running.target.answers = [500]
    assert (await running.envelope(i_event=1)).status_code == 500
    assert await running.states("e1") == ["failed"]
    assert (await running.envelope(i_event=2)).status_code == 202
    assert running.target.requests == [{"key": "5", "value": 1}, {"key": "5", "value": 2}]
    (delivery,) = (await running.event("e1")).deliveries
    assert (delivery.state, delivery.attempts) == ("delivered", 2)


async def test_a_repeat_of_what_succeeded_is_answered_at_once(running: Whole) -> None:
    for _ in range(2):
        assert (await running.envelope()).status_code == 202
    assert len(running.target.requests) == 1


async def test_a_repeat_of_what_was_answered_404_is_attempted_again(running: Whole) -> None:
    running.target.answers = [404]
    assert [(await running.envelope()).status_code for _ in range(2)] == [404, 202]


async def test_a_repeat_that_meets_the_running_attempt_waits_for_its_ending(running: Whole) -> None:
    running.target.answers = ["hang"]
    first = asyncio.create_task(running.envelope())
    await running.target.came.wait()
    second = asyncio.create_task(running.envelope())

    async def repeated() -> bool:
        return (await running.event("e1")).repeats == 1

    await until(repeated)
    running.target.let_go.set()
    assert [(await one).status_code for one in (first, second)] == [202, 202]
    assert len(running.target.requests) == 1


async def test_a_sender_that_hangs_up_does_not_stop_the_attempt(running: Whole) -> None:
    running.target.answers = ["hang"]
    asked = asyncio.create_task(running.envelope())
    await running.target.came.wait()
    asked.cancel()
    running.target.let_go.set()
    await running.settled("e1", "delivered")


async def test_an_event_whose_lane_is_busy_beyond_the_budget_is_503_and_blocks_nobody(running: Whole) -> None:
    running.target.answers = ["hang"]
    first = asyncio.create_task(running.envelope("e1"))
    await running.target.came.wait()
    answer = await running.envelope("e2")
    body = documented(answer, 503, "CONNECTION_ERROR")
    assert "its turn did not come" in body["error"]
    running.target.let_go.set()
    assert (await first).status_code == 202
    assert (await running.envelope("e2")).status_code == 202


async def test_events_of_one_lane_wait_for_their_turn(running: Whole) -> None:
    answers = await asyncio.gather(*(running.envelope(f"e{number}") for number in range(3)))
    assert [answer.status_code for answer in answers] == [202] * 3
    assert len(running.target.requests) == 3


async def test_a_pause_is_503_until_it_is_lifted(running: Whole) -> None:
    store, now = running.parts.store, running.parts.clock.now()
    await store.set_hold(Hold(scope="connector:target", kind="paused", by="ann", reason="move", at=now))
    await running.parts.holds.refresh()
    body = documented(await running.envelope(), 503, "CONNECTION_ERROR")
    assert "paused by ann: move" in body["error"]
    await store.lift("connector:target", running.parts.clock.now())
    await running.parts.holds.refresh()
    assert (await running.envelope()).status_code == 202


async def test_secrets_never_stand_in_an_answer(running: Whole) -> None:
    running.target.answers = [{"result": False}, 400]
    answer = await running.envelope(i_event="token-value-1")
    answer = await running.envelope("e2", i_account="token-value-1")
    assert "token-value-1" not in answer.text


SECOND = PIPELINE.replace("pipeline: main", "pipeline: second")


async def test_of_several_pipelines_a_repeat_attempts_only_those_that_failed(tmp_path: Path) -> None:
    project = tmp_path / "project"
    async with whole(project):
        (project / "pipelines" / "second.yaml").write_text(SECOND)
    async with whole(project) as running:
        running.target.answers = [200, 500]
        assert (await running.envelope()).status_code == 500
        assert sorted(await running.states("e1")) == ["delivered", "failed"]
        assert (await running.envelope()).status_code == 202
        assert len(running.target.requests) == 3


async def test_where_it_is_only_accepted_we_answer_202_and_retry_ourselves(tmp_path: Path) -> None:
    nsps = NSPS.replace("answer: processed", "answer: accepted")
    async with whole(tmp_path / "project", nsps) as running:
        running.target.answers = [500]
        answer = await running.envelope()
        assert (answer.status_code, answer.json()["message"]) == (202, "Event accepted for processing")
        await running.settled("e1", "delivered")
        assert len(running.target.requests) == 2


async def test_a_body_above_four_mebibytes_is_413(running: Whole) -> None:
    documented(await running.envelope(x="a" * (4 * 1024 * 1024)), 413, "VALIDATION_ERROR")
    assert (await running.envelope(x="a" * (3 * 1024 * 1024))).status_code == 202


async def test_a_condition_that_fails_on_the_event_is_500_internal_each_time_and_nothing_is_sent(
    tmp_path: Path,
) -> None:
    failing = PIPELINE.replace("order:", "when: split(data.variables.number, '@')[0]\norder:")
    async with whole(tmp_path / "project", pipeline=failing) as running:
        for _ in range(2):
            documented(await running.envelope(number=5), 500, "INTERNAL_ERROR")
        assert await running.states("e1") == ["failed"]
        assert running.target.requests == []
