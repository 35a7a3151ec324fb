"""What was done to the system and what the external system saw: the model's memory, beside the store's rows."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from engine.event import Event
from engine.storage.tables import deliveries, events, history
from tests.model.fleet import Fleet, Sent


@dataclass
class Row:
    """A delivery as the store has it."""

    id: int
    i_event: str
    pipeline: str
    lane: str | None
    mode: str
    position: tuple[int, int, int]
    state: str
    superseded_by: int | None
    replay_of: int | None


@dataclass
class World:
    """What was done to the system, and what the external system decides next."""

    fleet: Fleet
    accepted: dict[int, Event] = field(default_factory=dict)
    answers: list[Any] = field(default_factory=list)
    hanging: str = ""  # `before` or `after` the effect: the next request is never answered
    effects: list[Sent] = field(default_factory=list)
    told: list[str] = field(default_factory=list)  # what broke a rule in the middle of a step
    excused: Counter[str] = field(default_factory=Counter)  # repeats the world is to blame for, by idempotency key

    async def answer(self, sent: Sent) -> Any:
        """Takes the request, or not, and answers, or not."""
        self.look_at_lane(sent)
        if self.hanging:
            how, self.hanging = self.hanging, ""
            if how == "after":
                self.effects.append(sent)
                self.excused[sent.idempotency_key] += 1
            await asyncio.Event().wait()
        said = self.answers.pop(0) if self.answers else 200
        if said == 200 or said in ("timeout", "lost"):  # taken, though we may never hear of it
            self.effects.append(sent)
            if said != 200:
                self.excused[sent.idempotency_key] += 1
        return said

    def look_at_lane(self, sent: Sent) -> None:
        """At the moment a request leaves, nobody of its lane has the right to be before it."""
        rows = self.rows()
        running = [
            r for r in rows if r.state == "running" and (r.pipeline, r.i_event) == (sent.pipeline, str(sent.i_event))
        ]
        if not running:
            self.told.append(f"{sent} was sent though nobody runs it")
        for mine in running:
            if mine.lane is None:
                continue
            lane = [r for r in rows if r.lane == mine.lane and r.id != mine.id]
            if any(r.state == "running" for r in lane):
                self.told.append(f"two run in {mine.lane}")
            waiting = [r for r in lane if r.state == "waiting"]
            if mine.mode == "strict" and any(r.position < mine.position for r in waiting):
                self.told.append(f"{mine} is sent before {waiting}")
            if mine.mode == "latest" and any(r.position < mine.position for r in waiting):
                self.told.append(f"{mine} leaves older ones waiting: {waiting}")

    def rows(self) -> list[Row]:
        """All deliveries there ever were."""
        engine = self.fleet.store._connections._engine  # type: ignore[attr-defined]
        found: list[Row] = []
        with engine.connect() as connection:
            for table in (deliveries, history):
                both = select(table, events.c.i_event).join(events, events.c.seq == table.c.event_seq)
                found += [self._row(row) for row in connection.execute(both)]
        return sorted(found, key=lambda one: one.id)

    def _row(self, row: Any) -> Row:
        return Row(
            id=row.id,
            i_event=row.i_event,
            pipeline=row.pipeline,
            lane=row.lane,
            mode=row.mode,
            position=(row.pos_time, row.pos_event, row.id),
            state=row.state,
            superseded_by=getattr(row, "superseded_by", None),
            replay_of=row.replay_of,
        )
