"""Events come in: an event, its key and its deliveries in one group commit, before anybody is answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from engine.chance import twelve_bytes
from engine.errors import NspsError
from engine.event import Event
from engine.storage.area import Area
from engine.storage.bulk import LEFT_OUT, Rows
from engine.storage.counting import Counts, count, hour_of
from engine.storage.encoding import storable
from engine.storage.instants import micros
from engine.storage.keys import Keys, keys_of, reserve
from engine.storage.moving import Moved, move
from engine.storage.numbers import day_of, new_numbers
from engine.storage.partitions import ready_for
from engine.storage.protocol import Accepted, Arrival, Standing
from engine.storage.rows import FIRST_LOOK_US, delivery_row, event_row, parts
from engine.storage.standing import reopen, standing_of
from engine.storage.tables import FAILED, deliveries, events, history, search_keys

SEARCHED = ("i_event", "i_account", "i_customer", "number")

_NEW_EVENTS = Rows(events)
_NEW_SEARCH_KEYS = Rows(search_keys, LEFT_OUT)
_NEW_DELIVERIES = Rows(deliveries)
_REPEATED = (
    update(events).where(events.c.seq == bindparam("of_seq")).values(repeats=events.c.repeats + bindparam("more"))
)
_REPLACED = (
    update(events)
    .where(events.c.seq == bindparam("of_seq"))
    .values(body=bindparam("new_body"), parts=bindparam("new_parts"))
)
_UNFINISHED = select(deliveries.c.event_seq)
_FAILED = select(history.c.event_seq).where(history.c.state == FAILED)


@dataclass(frozen=True, slots=True)
class Offer:
    """An arrival and the store's time when it came."""

    arrival: Arrival
    now: datetime


@dataclass(slots=True)
class _New:
    """An event this group stores."""

    offer: Offer
    seq: int
    keys: Keys
    same_id_as: str | None
    delivery_ids: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _Repeat:
    """An arrival that is known already: stored before, or by another of this group."""

    offer: Offer
    seq: int
    event_id: str


class IntakeArea(Area):
    async def accept(self, arrival: Arrival) -> Accepted:
        """Stores it in a group commit. Raises StoreUnavailable; then nothing is stored."""
        return await self._committer.write(accept_group, Offer(arrival, self._clock.now()))


def accept_group(connection: Connection, offers: Sequence[Offer]) -> Sequence[Accepted | NspsError]:
    """Stores these arrivals; of two copies of one event the first is stored and both are answered."""
    now_us = micros(offers[0].now)
    ready_for(connection, now_us)
    sorted_out, numbers = _sort_out(connection, offers, day_of(now_us))
    new = [one for one in sorted_out if isinstance(one, _New)]
    _store_events(connection, new)
    _store_deliveries(connection, new, numbers)
    repeats = [one for one in sorted_out if isinstance(one, _Repeat)]
    _store_repeats(connection, repeats)
    processed = sorted({one.seq for one in sorted_out if one.offer.arrival.policy_off})
    standing = standing_of(connection, processed) if processed else {}
    count(connection, _counts(sorted_out))
    return [_answer(one, standing.get(one.seq, ())) for one in sorted_out]


def _sort_out(connection: Connection, offers: Sequence[Offer], day: date) -> tuple[list[_New | _Repeat], Sequence[int]]:
    """What each arrival is, and numbers for the deliveries of the new ones."""
    most = sum(len(offer.arrival.routed) for offer in offers)
    seqs, numbers = new_numbers(connection, [(events, len(offers)), (deliveries, most)], day)
    keys = [keys_of(offer.arrival) for offer in offers]
    known = reserve(connection, keys, seqs, [offer.arrival.event.id for offer in offers])
    found: list[_New | _Repeat] = []
    for offer, seq, key in zip(offers, seqs, keys, strict=True):
        before = known.get(key.key, seq)
        if before != seq:
            found.append(_Repeat(offer, before, known.ids[before]))
        else:
            first = known.get(key.id_key, seq)
            found.append(_New(offer, seq, key, None if first == seq else known.ids.get(first)))
    return found, numbers


def _store_events(connection: Connection, new: Sequence[_New]) -> None:
    if not new:
        return
    _NEW_EVENTS.run_many(connection, [_event_row(one) for one in new])
    searched = [row for one in new for row in search_rows(one.seq, _ids(one.offer.arrival.event))]
    _NEW_SEARCH_KEYS.run_many(connection, searched)


def _event_row(new: _New) -> dict[str, Any]:
    arrival = new.offer.arrival
    extra = {
        "key": new.keys.key,
        "id_key": new.keys.id_key,
        "routed": bool(arrival.routed),
        "same_id_as": new.same_id_as,
    }
    return event_row(arrival.event, new.seq, extra)


def _ids(event: Event) -> dict[str, str]:
    """What people look an event up by without being told: its account, customer, number."""
    values = {name: event.variables.get(name) for name in SEARCHED} | {"i_event": event.i_event}
    return {name: str(value) for name, value in values.items() if isinstance(value, str | int) and str(value)}


def search_rows(event_seq: int, named: Mapping[str, str]) -> list[dict[str, Any]]:
    """One row for each name and value; values are kept to 200 characters."""
    return [{"value": storable(value[:200]), "event_seq": event_seq, "name": name} for name, value in named.items()]


def _store_deliveries(connection: Connection, new: Sequence[_New], numbers: Sequence[int]) -> None:
    rows = [delivery for one in new for delivery in _deliveries(one)]
    if not rows:
        return
    by_seq = {one.seq: one for one in new}
    unroutable = []
    for row, number in zip(rows, numbers, strict=False):  # repeats use none of theirs
        row["id"] = number
        if row["reason"]:
            unroutable.append(row)
        else:
            by_seq[row["event_seq"]].delivery_ids.append(number)
    _NEW_DELIVERIES.run_many(connection, rows)
    fail_unroutable(connection, unroutable, micros(new[0].offer.now))


def _deliveries(new: _New) -> list[dict[str, Any]]:
    arrival = new.offer.arrival
    extra = {"policy_off": arrival.policy_off, "look_at": _look_us(new.offer)}
    return [
        delivery_row(new.seq, arrival.event.source, routed, new_seed(), new.offer.now, extra)
        for routed in arrival.routed
    ]


def _look_us(offer: Offer) -> int:
    """When the sweep may first look: not while the hint is on its way, or the sender still waits."""
    if offer.arrival.look_at is not None:
        return micros(offer.arrival.look_at)
    return micros(offer.now) + (FIRST_LOOK_US if offer.arrival.hinted else 0)


def new_seed() -> str:
    """What idempotency keys of one delivery are made of: chance, so that no two instances share one."""
    return twelve_bytes().hex()


def fail_unroutable(connection: Connection, rows: Sequence[Mapping[str, Any]], now_us: int) -> None:
    """Ends those new deliveries that routing could not place; they carry its reason already."""
    ended = [Moved(id=row["id"], pipeline=row["pipeline"], state="failed", reason=row["reason"]) for row in rows]
    move(connection, ended, now_us)


def _store_repeats(connection: Connection, repeats: Sequence[_Repeat]) -> None:
    if not repeats:
        return
    seen = Counter(one.seq for one in repeats)
    connection.execute(_REPEATED, [{"of_seq": seq, "more": number} for seq, number in sorted(seen.items())])
    for one in repeats:
        if one.offer.arrival.replace_body:
            _replace_body(connection, one)
        if one.offer.arrival.policy_off:
            failed = [at for at in standing_of(connection, [one.seq])[one.seq] if at.state == "failed"]
            reopen(connection, failed, micros(one.offer.now), _look_us(one.offer))


def _replace_body(connection: Connection, repeat: _Repeat) -> None:
    """The newer facts, unless every delivery ended well: then the body stays what was delivered."""
    event = repeat.offer.arrival.event
    unfinished = _UNFINISHED.where(deliveries.c.event_seq == repeat.seq)
    failed = _FAILED.where(history.c.event_seq == repeat.seq)
    if connection.execute(unfinished.union_all(failed).limit(1)).first() is None:
        return
    connection.execute(_REPLACED, {"of_seq": repeat.seq, "new_body": event.body, "new_parts": parts(event)})


def _counts(sorted_out: Sequence[_New | _Repeat]) -> Counts:
    """By the hours of the rows they count."""
    counts: Counts = Counter()
    for one in sorted_out:
        arrival = one.offer.arrival
        came = hour_of(micros(arrival.event.received_at))
        counts[came, "", "requests"] += 1
        if isinstance(one, _Repeat):
            counts[came, "", "repeats"] += 1
            continue
        counts[came, "", "events"] += 1
        counts[came, "", "routed" if arrival.routed else "unrouted"] += 1
        stored = hour_of(micros(one.offer.now))
        for routed in arrival.routed:
            counts[stored, routed.pipeline, "routed"] += 1
    return counts


def _answer(one: _New | _Repeat, standing: tuple[Standing, ...]) -> Accepted:
    if isinstance(one, _Repeat):
        return Accepted(event_id=one.event_id, new=False, delivery_ids=(), standing=standing)
    return Accepted(
        event_id=one.offer.arrival.event.id,
        new=True,
        delivery_ids=tuple(one.delivery_ids),
        same_id_as=one.same_id_as,
        standing=standing,
    )
