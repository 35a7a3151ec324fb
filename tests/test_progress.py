"""What is remembered of earlier attempts."""

from __future__ import annotations

from engine.delivery import StepDone
from engine.progress import Progress, arguments_sha, idempotency_key


def done(step: str, sha: str, verdict: str = "ok") -> StepDone:
    return StepDone(step=step, arguments_sha=sha, verdict=verdict)  # type: ignore[arg-type]


def test_the_order_of_keys_does_not_matter_but_types_do() -> None:
    assert arguments_sha({"a": 1, "b": 2}) == arguments_sha({"b": 2, "a": 1})
    assert arguments_sha({"a": 1}) != arguments_sha({"a": "1"})


def test_calls_of_any_size_and_text_have_a_hash() -> None:
    assert arguments_sha({"a": 2**80, "b": "\ud800"}) != arguments_sha({"a": 2**80 + 1, "b": "\ud800"})


def test_a_step_that_was_taken_back_is_not_remembered() -> None:
    progress = Progress([done("a", "1"), done("a", "2", "retry")])
    assert progress.remembered("a", "1") is not None
    assert progress.remembered("a", "2") is None


def test_taking_back_spares_what_was_met_and_other_steps() -> None:
    progress = Progress([done("a", "1"), done("a#2", "1"), done("ab", "1"), done("a/b", "1")])
    progress.remembered("a", "1")
    assert [(step.step, step.verdict) for step in progress.stale("a")] == [("a#2", "retry")]


def test_keys_differ_by_each_part() -> None:
    keys = {idempotency_key(*parts) for parts in [("s", "a", "1"), ("t", "a", "1"), ("s", "b", "1"), ("s", "a", "2")]}
    assert len(keys) == 4
