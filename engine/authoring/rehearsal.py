"""A test run as production runs: real store in memory, real lanes, real journey, a virtual clock, scripted replies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from engine.authoring.example_event import read_event
from engine.authoring.script import Script
from engine.catalog import Catalog
from engine.clock import VirtualClock
from engine.delivery import FINAL, Trace
from engine.exchange import Exchange
from engine.masking import Masker
from engine.receiving.arrival import espf_arrival
from engine.route import route
from engine.storage.protocol import Claimed, Owner
from engine.storage.store import Store
from engine.working.attempt import Attempts
from engine.working.encoding import MaskedEncoding
from engine.working.heartbeat import Heartbeat

OWNER = "rehearsal"
MOST_ATTEMPTS = 1000


@dataclass(slots=True, kw_only=True)
class Seen:
    """What became of one event. `outcome` is `not taken` when its pipeline does not take it."""

    event_id: str
    trace_id: str
    outcome: str
    reason: str = ""
    attempts: int = 0
    due_at: datetime | None = None
    traces: list[Trace] = field(default_factory=list)

    def values(self) -> dict[str, Any]:
        """The values a test may name, by name."""
        last = self.traces[-1] if self.traces else Trace()
        return {
            "outcome": self.outcome,
            "reason": self.reason,
            "attempts": self.attempts,
            "vars": last.vars,
            "pb_data": last.pb_data,
        }


class Rehearsal:
    """One pipeline and its systems, on a clock that stands still until nothing is due.

    `most_attempts` holds, per event, after how many attempts its test stops; None: when it ends.
    """

    def __init__(self, catalog: Catalog, script: Script, clock: VirtualClock, store: Store) -> None:
        self.catalog, self.script, self.clock, self.store = catalog, script, clock, store
        masker = Masker()
        masker.learn(*catalog.secrets)
        self.masker = masker
        self._exchange = Exchange(catalog, clock, masker, carry=script.carry, cached=False, limited=False)
        started = Owner(id=OWNER, host="", pid=0, started_at=clock.now(), config_hash=catalog.hash)
        self._heartbeat = Heartbeat(store, started, clock, monotonic=lambda: 0.0)
        self._attempts = Attempts(
            catalog=catalog,
            store=store,
            send=self._exchange.send,
            encode=MaskedEncoding(masker),
            clock=clock,
            heartbeat=self._heartbeat,
        )

    async def run(self, pipeline: str, events: Sequence[Mapping[str, Any]], most: Sequence[int | None]) -> list[Seen]:
        """Takes the events in, a second apart, and works until all have ended or made their attempts."""
        await self._heartbeat.beat()
        seen: list[Seen] = []
        open_: dict[int, Seen] = {}
        limits: dict[int, int] = {}
        for raw, limit in zip(events, most, strict=True):
            taken = await self._take(pipeline, raw, seen)
            open_.update(taken)
            limits.update(dict.fromkeys(taken, MOST_ATTEMPTS if limit is None else limit))
            self.clock.move_to(self.clock.now() + timedelta(seconds=1))
        await self._work(pipeline, open_, limits)
        await self._exchange.close()
        return seen

    async def _take(self, pipeline: str, raw: Mapping[str, Any], seen: list[Seen]) -> dict[int, Seen]:
        event = read_event(raw, self.clock.now())
        routing = route(event, self.catalog)
        accepted = await self.store.accept(espf_arrival(event, routing))
        seen.append(Seen(event_id=event.id, trace_id=event.trace_id, outcome="waiting"))
        if not accepted.new:
            seen[-1].outcome, seen[-1].reason = "repeat", f"a repeat of event {accepted.event_id}"
        elif not routing.taken:
            seen[-1].outcome = "not taken"
            seen[-1].reason = next((other.reason for other in routing.not_taken if other.pipeline == pipeline), "")
        elif routing.taken[0].failed is not None:
            seen[-1].outcome, seen[-1].reason = "failed", routing.taken[0].failed
        return dict.fromkeys(accepted.delivery_ids, seen[-1])

    async def _work(self, pipeline: str, open_: dict[int, Seen], limits: Mapping[int, int]) -> None:
        while open_:
            ids = [number for number, seen in open_.items() if seen.attempts < limits[number]]
            claimed = await self.store.claim(ids, OWNER, [pipeline], self.clock.now()) if ids else []
            for one in claimed:
                await self._attempt(one, open_[one.delivery_id])
            await self._note_ends(open_)
            if not claimed and not self._move_on([open_[number] for number in ids if number in open_]):
                return

    async def _attempt(self, claimed: Claimed, seen: Seen) -> None:
        ended = await self._attempts.make(claimed)
        seen.traces.append(ended.ending.trace)
        if ended.outcome is None:
            return
        seen.attempts += ended.outcome.attempt_used
        seen.reason, seen.due_at = ended.outcome.reason, ended.outcome.due_at
        seen.outcome = "retrying" if ended.outcome.state == "waiting" else ended.outcome.state

    async def _note_ends(self, open_: dict[int, Seen]) -> None:
        for number, seen in list(open_.items()):
            stands = next(iter(await self.store.standing(seen.event_id)), None)
            if stands is not None and stands.state == "superseded":
                seen.outcome, seen.reason = stands.state, stands.reason
            if stands is None or stands.state in FINAL:
                del open_[number]

    def _move_on(self, waiting: Sequence[Seen]) -> bool:
        """Moves the clock to when the next of these is due. False when none ever is."""
        later = [seen.due_at for seen in waiting if seen.due_at is not None and seen.due_at > self.clock.now()]
        if later:
            self.clock.move_to(min(later))
        return bool(later)


async def rehearse(
    catalog: Catalog, script_replies: Mapping[str, Sequence[Mapping[str, Any]]], start: datetime
) -> tuple[Rehearsal, Store]:
    """A rehearsal with an empty store in memory; close the store when done."""
    clock = VirtualClock(start)
    store = await Store.open("sqlite://", project=Path(), clock=clock)
    return Rehearsal(catalog, Script(catalog, clock, script_replies), clock, store), store


def only(catalog: Catalog, pipeline: str, config: Mapping[str, Any]) -> Catalog:
    """The catalog with this pipeline alone, and `config` laid over the instance's."""
    settings = replace(catalog.settings, config={**catalog.settings.config, **config})
    return replace(catalog, settings=settings, pipelines={pipeline: catalog.pipelines[pipeline]})
