"""What the journey keeps, in memory: for `nsps test`, dry-run and tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from engine.delivery import OnceKey, OnceNote, OnceState, StepDone


@dataclass(slots=True)
class _Note:
    state: Literal["intended", "done", "unknown"]
    delivery_id: int
    at: datetime
    result: Any = None


@dataclass(slots=True)
class OnceNotes:
    """The `once` notes of all deliveries. `running`: deliveries that are at work now."""

    notes: dict[OnceKey, _Note] = field(default_factory=dict)
    running: set[int] = field(default_factory=set)


class MemoryKeep:
    """The Keep of one delivery: `steps` over its attempts, and its part in `notes`, which all deliveries share."""

    def __init__(self, delivery_id: int, now: Callable[[], datetime], notes: OnceNotes | None = None) -> None:
        self._delivery_id = delivery_id
        self._now = now
        self._notes = notes if notes is not None else OnceNotes()
        self._steps: dict[tuple[str, str], StepDone] = {}

    @property
    def steps(self) -> tuple[StepDone, ...]:
        """What was kept: `done` of the next attempt's Work."""
        return tuple(self._steps.values())

    async def done(self, step: StepDone, /) -> None:
        """Keeps a finished step; of two about the same call the later counts."""
        self._steps[step.step, step.arguments_sha] = step

    async def intend(self, once: OnceKey, /) -> OnceNote:
        """Notes the intent, unless it was noted before; says which."""
        note = self._notes.notes.get(once)
        if note is not None and note.state == "intended" and self._state(note) == "unknown":
            note.state = "unknown"
        if note is None:
            self._notes.notes[once] = _Note("intended", self._delivery_id, self._now())
            return OnceNote(state="mine", delivery_id=self._delivery_id, at=self._now())
        return OnceNote(state=self._state(note), delivery_id=note.delivery_id, at=note.at, result=note.result)

    def _state(self, note: _Note) -> OnceState:
        if note.state == "done":
            return "done"
        others = note.delivery_id != self._delivery_id and note.delivery_id in self._notes.running
        return "busy" if note.state == "intended" and others else "unknown"

    async def settle(self, once: OnceKey, state: Literal["done", "dropped", "unknown"], result: Any = None, /) -> None:
        """Says what became of the intent, as the store does: nothing undoes `done`, and of another delivery's notes only
        an unknown one is dropped, for a person told it to."""
        note = self._notes.notes.get(once)
        if state == "dropped":
            if note and note.state != "done" and (note.delivery_id == self._delivery_id or note.state == "unknown"):
                del self._notes.notes[once]
        elif note is None or note.state != "done":
            holder = note.delivery_id if note else self._delivery_id
            self._notes.notes[once] = _Note(state, holder, self._now(), result)
