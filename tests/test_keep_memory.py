"""What the journey keeps, in memory."""

from __future__ import annotations

from scripted import NOW

from engine.delivery import OnceKey, StepDone
from engine.keep_memory import MemoryKeep, OnceNotes

KEY = OnceKey(pipeline="p", step="s", key="k")


async def test_of_two_steps_about_the_same_call_the_later_counts() -> None:
    keep = MemoryKeep(1, lambda: NOW)
    for verdict in ("ok", "retry"):
        await keep.done(StepDone(step="a", arguments_sha="1", verdict=verdict))  # type: ignore[arg-type]
    assert [step.verdict for step in keep.steps] == ["retry"]


async def test_the_first_to_note_an_intent_has_it() -> None:
    keep = MemoryKeep(1, lambda: NOW)
    assert (await keep.intend(KEY)).state == "mine"
    assert (await keep.intend(KEY)).state == "unknown", "its own earlier attempt was killed"


async def test_others_wait_only_while_its_holder_runs() -> None:
    notes = OnceNotes(running={1})
    await MemoryKeep(1, lambda: NOW, notes).intend(KEY)
    other = MemoryKeep(2, lambda: NOW, notes)
    assert (await other.intend(KEY)).state == "busy"
    notes.running.clear()
    assert (await other.intend(KEY)).state == "unknown"


async def test_what_is_done_says_when_by_whom_and_with_what_result() -> None:
    notes = OnceNotes()
    first = MemoryKeep(1, lambda: NOW, notes)
    await first.intend(KEY)
    await first.settle(KEY, "done", 7)
    note = await MemoryKeep(2, lambda: NOW, notes).intend(KEY)
    assert (note.state, note.delivery_id, note.at, note.result) == ("done", 1, NOW, 7)


async def test_what_was_dropped_may_be_noted_again() -> None:
    keep = MemoryKeep(1, lambda: NOW)
    await keep.intend(KEY)
    await keep.settle(KEY, "dropped")
    assert (await keep.intend(KEY)).state == "mine"
