"""Values the store's tests speak with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from engine.clock import VirtualClock
from engine.delivery import Ending, Outcome, Routed, State, StepDone
from engine.event import Event
from engine.ids import new_event_id
from engine.storage.protocol import Accepted, Arrival, Claimed, EventFilter, Finished, Owner
from engine.storage.store import Store

PIPELINES = ("wtl", "crm")


def event(now: datetime, i_event: int = 1, *, i_account: int = 277, source: str = "espf", **more: Any) -> Event:
    data = {"event_type": "SIM/Updated", "variables": {"i_event": i_event, "i_account": i_account, "i_env": 3}}
    facts = {"account_info": {"i_account": i_account}} if source == "nsps" else None
    body = data if source == "espf" else {"event_id": "x", "data": data, "pb_data": facts}
    values: dict[str, Any] = {
        "id": new_event_id(now),
        "source": source,
        "received_at": now,
        "event_type": "SIM/Updated",
        "data": data,
        "body": json.dumps(body).encode(),
        "i_env": "3",
        "i_event": str(i_event),
        "trace_id": "abc",
        "facts": facts,
    }
    return Event(**{**values, **more})


def routed(now: datetime, lane: str | None = None, mode: str = "strict", at: int = 0, **more: Any) -> Routed:
    """`at` is the position in its lane, seconds after `now`."""
    values: dict[str, Any] = {
        "pipeline": "wtl",
        "lane": lane,
        "mode": mode,
        "position_time": now + timedelta(seconds=at),
    }
    return Routed(**{**values, **more})


class Scene:
    """One process that takes events in and works on them."""

    def __init__(self, store: Store, clock: VirtualClock, owner: str = "one") -> None:
        self.store = store
        self.clock = clock
        self.owner = owner
        self.count = 0

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def later(self, seconds: float) -> None:
        self.clock.move_to(self.now + timedelta(seconds=seconds))

    async def accept(self, *routes: Routed, of: Event | None = None, key: str | None = None, **more: Any) -> Accepted:
        self.count += 1
        one = of or event(self.now, self.count)
        return await self.store.accept(Arrival(event=one, routed=routes, key=key or f"key {self.count}", **more))

    async def delivery(self, lane: str | None = None, mode: str = "strict", at: int = 0, **more: Any) -> int:
        """A new waiting delivery of an event of its own."""
        source = more.pop("source", "espf")
        self.count += 1
        one = event(self.now, self.count, source=source)
        accepted = await self.accept(routed(self.now, lane, mode, at, **more), of=one)
        return accepted.delivery_ids[0]

    async def claim(self, *ids: int, pipelines: Sequence[str] = PIPELINES, alone: bool = False) -> list[Claimed]:
        return await self.store.claim(ids, self.owner, pipelines, self.now, alone)

    async def claimed(self, delivery_id: int) -> Claimed:
        (one,) = await self.claim(delivery_id)
        return one

    async def finish(self, claimed: Claimed, outcome: Outcome, **more: Any) -> tuple[int, ...]:
        values: dict[str, Any] = {
            "delivery_id": claimed.delivery_id,
            "fence": claimed.fence,
            "number": claimed.attempts + 1,
            "started_at": self.now,
            "ended_at": self.now,
            "outcome": outcome,
            "trace": b"{}",
        }
        return await self.store.finish(Finished(**{**values, **more}))

    async def beat(self, owner: str | None = None) -> datetime:
        one = Owner(id=owner or self.owner, host="h", pid=1, started_at=self.now, config_hash="c")
        return await self.store.beat(one, self.now)

    async def state(self, delivery_id: int) -> State:
        row = await self.store.event(f"#{delivery_id}")
        assert row is not None
        return next(one.state for one in row.deliveries if one.id == delivery_id)

    async def ids(self, **wanted: Any) -> list[str]:
        return [row.id for row in await self.store.events(EventFilter(**wanted))]


def delivered(**more: Any) -> Outcome:
    return Outcome(state="delivered", ending=Ending(kind="delivered", **more))


def failed(reason: str = "no such subscriber", **more: Any) -> Outcome:
    return Outcome(state="failed", reason=reason, ending=Ending(kind="failed", reason=reason, **more))


def retry(due_at: datetime, reason: str = "status 503", done: tuple[StepDone, ...] = ()) -> Outcome:
    ending = Ending(kind="retry", reason=reason, done=done)
    return Outcome(state="waiting", reason=reason, due_at=due_at, ending=ending)


def wait(until: datetime, reason: str = "the breaker is open") -> Outcome:
    ending = Ending(kind="wait", reason=reason, wait_until=until)
    return Outcome(state="waiting", reason=reason, due_at=until, attempt_used=False, ending=ending)


def step(name: str = "sync", sha: str = "a1", verdict: Literal["ok"] = "ok", **more: Any) -> StepDone:
    return StepDone(step=name, arguments_sha=sha, verdict=verdict, **more)
