"""`nsps replay`: new deliveries for what failed, or for what no pipeline took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from engine.catalog import Catalog
from engine.delivery import FINAL, Routed
from engine.errors import WrongUse
from engine.loading.suggest import nearest
from engine.route import route
from engine.storage.protocol import DeliveryRow, EventFilter, EventRow, History


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What a person asked for. `what` is an event (its failed deliveries) or the number of one delivery; "" for many."""

    what: str = ""
    pipeline: str | None = None
    resend: tuple[str, ...] = ()
    assume_done: tuple[str, ...] = ()


def refuse_both_ways(asked: Replay, wanted: EventFilter, since: str | None) -> None:
    """Raises WrongUse unless either one event or delivery is named, or `--state` says which of many are meant."""
    narrowed = bool(wanted.event_type or since)
    if asked.what and (wanted.state or narrowed):
        raise WrongUse(
            f"name {asked.what} alone, or leave it out and say by --state, --type and --since which are meant"
        )
    if not asked.what and wanted.state is None:
        raise WrongUse(
            "say what to send again: an event, the number of a delivery, or --state failed for all that failed"
        )
    if wanted.state == "unrouted" and asked.pipeline:
        raise WrongUse("--pipeline says nothing of what no pipeline took; --type and --since do")


async def replay(history: History, catalog: Catalog, asked: Replay, now: datetime) -> list[str]:
    """Makes the new deliveries; returns one line each. They stand in their lanes by the time of replay.

    Raises WrongUse when there is nothing to send again, saying why.
    """
    event = await history.event(asked.what)
    await _refuse_two_meanings(history, asked.what, event)
    if event is None:
        raise WrongUse(f"no event or delivery {asked.what!r} here; nsps events lists what is")
    if not event.deliveries:
        return await route_again(history, catalog, event.id, now)
    rows = _chosen(event, asked)
    refuse_unknown_steps(catalog, rows, asked)
    named = [str(row.id) for row in rows] == [asked.what.lstrip("#")]
    return [await again(history, catalog, row, asked, event.i_event, now, once_only=not named) for row in rows]


async def _refuse_two_meanings(history: History, what: str, event: EventRow | None) -> None:
    """A number may be one event's i_event and a delivery of another: nothing is sent on a guess."""
    if event is None or event.i_event != what or not what.isdigit():
        return
    other = await history.event(f"#{what}")
    if other is not None and other.id != event.id:
        raise WrongUse(
            f"{what} is the i_event of event {event.id} and the number of a delivery of event {other.id}; "
            f"write nsps replay {event.id}, or nsps replay '#{what}' for the delivery"
        )


def _chosen(event: EventRow, asked: Replay) -> Sequence[DeliveryRow]:
    one = [row for row in event.deliveries if str(row.id) == asked.what.lstrip("#")]
    if one:
        if one[0].state not in FINAL:
            raise WrongUse(
                f"delivery #{one[0].id} is {one[0].state}: it is still at work, there is nothing to send again"
            )
        return one
    rows = event.latest(asked.pipeline)
    if not rows:
        there = ", ".join(row.pipeline for row in event.latest())
        raise WrongUse(f"event {event.id} has no delivery to pipeline {asked.pipeline!r}; it has {there}")
    failed = [row for row in rows if row.state == "failed"]
    if not failed:
        stand = "; ".join(f"#{row.id} to {row.pipeline} is {row.state}" for row in rows)
        raise WrongUse(f"nothing failed here: {stand}. To send one again all the same: nsps replay {rows[0].id}")
    return failed


def refuse_unknown_steps(catalog: Catalog, rows: Sequence[DeliveryRow], asked: Replay) -> None:
    """A misspelt step would leave the decision open, and the delivery would fail once more."""
    names = sorted({row.pipeline for row in rows})
    pipelines = [catalog.pipelines[name] for name in names if name in catalog.pipelines]
    known = {step.id for pipeline in pipelines for step in pipeline.dispatch if step.once is not None}
    for name in (*asked.resend, *asked.assume_done):
        if name not in known and rows and len(pipelines) == len(names):
            near = nearest(name, known)
            hint = f"did you mean {near}?" if near else f"there are {', '.join(sorted(known)) or 'none'}"
            raise WrongUse(f"no `once` step {name!r} in pipeline {', '.join(one.name for one in pipelines)}; {hint}")
    both = sorted({*asked.resend} & {*asked.assume_done})
    if both:
        raise WrongUse(f"step {both[0]} cannot be sent again and be assumed done: choose --resend or --assume-done")


async def again(  # noqa: PLR0913 - what is sent, and what a person said of it
    history: History,
    catalog: Catalog,
    row: DeliveryRow,
    asked: Replay,
    i_event: str | None,
    now: datetime,
    *,
    once_only: bool,
) -> str:
    """Makes the new delivery; returns what to tell. Raises WrongUse, if `once_only` also for one sent again already."""
    routed = await _placed(history, catalog, row, now)
    if routed is None:
        routed = Routed(
            pipeline=row.pipeline,
            lane=row.lane,
            mode="latest" if row.mode == "latest" else "strict",
            position_time=now,
            position_event=_number(i_event),
        )
    new = await history.replay(row.id, routed, now, asked.resend, asked.assume_done, once_only)
    return f"delivery #{new} to {row.pipeline}: sends event {row.event_id} again (was #{row.id}, {row.state})"


async def _placed(history: History, catalog: Catalog, row: DeliveryRow, now: datetime) -> Routed | None:
    """Its place in line, for what failed before it had one: `when` and `order` are asked now. None: as the old one has it.

    Raises WrongUse when its pipeline does not take the event now.
    """
    if row.state != "failed" or row.attempts or row.lane is not None:
        return None
    stored = await history.stored_event(row.event_id)
    if stored is None:
        return None
    routing = route(stored, catalog)
    for found in routing.taken:
        if found.pipeline == row.pipeline:
            return replace(found, position_time=now)
    for missed in routing.not_taken:
        if missed.pipeline == row.pipeline:
            raise WrongUse(
                f"delivery #{row.id}: pipeline {row.pipeline} does not take event {row.event_id} now: {missed.reason}"
            )
    return None


async def route_again(history: History, catalog: Catalog, event_id: str, now: datetime) -> list[str]:
    """Routes an event that no pipeline took; returns a line for each delivery. Raises WrongUse when none takes it now."""
    stored = await history.stored_event(event_id)
    taken = route(stored, catalog).taken if stored else ()
    if not taken:
        told = f" ({stored.event_type})" if stored else ""
        raise WrongUse(f"no pipeline takes event {event_id}{told} now either; nsps why {event_id} says why")
    ids = await history.route_again(event_id, taken, now)
    return [f"delivery #{new} to {routed.pipeline}" for new, routed in zip(ids, taken, strict=True)]


def _number(i_event: str | None) -> int:
    return int(i_event) if i_event is not None and i_event.isdigit() else 0
