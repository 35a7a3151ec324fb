"""Events come in: an event, its key and its deliveries in one group commit, before anybody is answered."""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from engine.errors import NspsError
from engine.event import Event
from engine.storage.area import Area
from engine.storage.counting import Counts, count
from engine.storage.dialect import among, listed, new_numbers
from engine.storage.encoding import storable
from engine.storage.instants import micros
from engine.storage.moving import Moved, move
from engine.storage.prepared import Prepared, inserting
from engine.storage.protocol import Accepted, Arrival, Standing
from engine.storage.rows import FIRST_LOOK_US, delivery_row, event_row, parts
from engine.storage.standing import reopen, standing_of
from engine.storage.tables import FAILED, deliveries, event_keys, events, history, search_keys

SEARCHED = ("i_account", "i_customer", "number")

_KNOWN = Prepared(
    select(event_keys.c.key, events.c.seq, events.c.id)
    .join_from(event_keys, events, events.c.seq == event_keys.c.event_seq)
    .where(among(event_keys.c.key, "keys"))
)
_SAME_IDS = Prepared(
    select(events.c.source, events.c.i_env, events.c.i_event, events.c.id, events.c.seq).where(
        among(events.c.i_event, "i_events")
    )
)
_NEW_EVENTS = inserting(events)
_NEW_KEYS = inserting(event_keys)
_NEW_SEARCH_KEYS = inserting(search_keys)
_NEW_DELIVERIES = inserting(deliveries)
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
    key: str | None
    same_id_as: str | None = None
    seq: int = 0
    delivery_ids: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _Repeat:
    """An arrival that is known already: stored before (`seq`), or by another of this group (`first`)."""

    offer: Offer
    event_id: str
    seq: int = 0
    first: _New | None = None


class IntakeArea(Area):
    async def accept(self, arrival: Arrival) -> Accepted:
        """Stores it in a group commit. Raises StoreUnavailable; then nothing is stored."""
        return await self._committer.write(accept_group, Offer(arrival, self._clock.now()))


def accept_group(connection: Connection, offers: Sequence[Offer]) -> Sequence[Accepted | NspsError]:
    """Stores these arrivals; of two copies of one event the first is stored and both are answered."""
    sorted_out = _sort_out(connection, offers)
    new = [one for one in sorted_out if isinstance(one, _New)]
    _flag_same_ids(connection, new)
    _store_events(connection, new)
    _store_deliveries(connection, new)
    repeats = [one for one in sorted_out if isinstance(one, _Repeat)]
    _store_repeats(connection, repeats)
    count(connection, _counts(new, repeats), micros(offers[0].now))
    processed = sorted({one.seq for one in sorted_out if one.offer.arrival.policy_off})
    standing = standing_of(connection, processed) if processed else {}
    return [_answer(one, standing.get(one.seq, ())) for one in sorted_out]


def hashed(key: str) -> str:
    """22 characters for a key of any length: hundreds of millions are kept."""
    return b64encode(blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).digest()).decode()[:22]


def _sort_out(connection: Connection, offers: Sequence[Offer]) -> list[_New | _Repeat]:
    keys = [None if offer.arrival.key is None else hashed(offer.arrival.key) for offer in offers]
    asked = {key for key in keys if key is not None}
    rows = _KNOWN.rows(connection, {"keys": listed(asked)}) if asked else ()
    known = {row.key: row for row in rows}
    here: dict[str, _New] = {}
    found: list[_New | _Repeat] = []
    for offer, key in zip(offers, keys, strict=True):
        if key in known:
            found.append(_Repeat(offer, known[key].id, seq=known[key].seq))
        elif key in here:
            found.append(_Repeat(offer, here[key].offer.arrival.event.id, first=here[key]))
        else:
            found.append(one := _New(offer, key))
            if key is not None:
                here[key] = one
    return found


def _flag_same_ids(connection: Connection, new: Sequence[_New]) -> None:
    """The same id with other content is another event, stored with the name of the first."""
    flagged = [one for one in new if one.offer.arrival.id_key and one.offer.arrival.event.i_event is not None]
    if not flagged:
        return
    i_events = {storable(one.offer.arrival.event.i_event or "") for one in flagged}
    rows = sorted(_SAME_IDS.rows(connection, {"i_events": listed(i_events)}), key=lambda row: -int(row.seq))
    first = {(row.source, row.i_env, row.i_event): row.id for row in rows}
    for one in flagged:
        event = one.offer.arrival.event
        one.same_id_as = first.setdefault((event.source, event.i_env, event.i_event), event.id)
        if one.same_id_as == event.id:
            one.same_id_as = None


def _store_events(connection: Connection, new: Sequence[_New]) -> None:
    if not new:
        return
    for one, seq in zip(new, new_numbers(connection, events, len(new)), strict=True):
        one.seq = seq
    _NEW_EVENTS.run_many(connection, [_event_row(one) for one in new])
    _NEW_KEYS.run_many(connection, [{"key": one.key, "event_seq": one.seq} for one in new if one.key is not None])
    searched = [row for one in new for row in search_rows(one.seq, _ids(one.offer.arrival.event))]
    _NEW_SEARCH_KEYS.run_many(connection, searched)


def _event_row(new: _New) -> dict[str, Any]:
    arrival = new.offer.arrival
    return event_row(arrival.event, new.seq, new.key, new.same_id_as, bool(arrival.routed))


def _ids(event: Event) -> dict[str, str]:
    """What people look an event up by without being told: its account, customer, number."""
    values = {name: event.variables.get(name) for name in SEARCHED}
    return {name: str(value) for name, value in values.items() if isinstance(value, str | int) and str(value)}


def search_rows(event_seq: int, named: Mapping[str, str]) -> list[dict[str, Any]]:
    """One row for each name and value; values are kept to 200 characters."""
    return [{"value": storable(value[:200]), "event_seq": event_seq, "name": name} for name, value in named.items()]


def _store_deliveries(connection: Connection, new: Sequence[_New]) -> None:
    rows = [delivery for one in new for delivery in _deliveries(one)]
    if not rows:
        return
    by_seq = {one.seq: one for one in new}
    unroutable = []
    for row, number in zip(rows, new_numbers(connection, deliveries, len(rows)), strict=True):
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
    return secrets.token_hex(12)


def fail_unroutable(connection: Connection, rows: Sequence[Mapping[str, Any]], now_us: int) -> None:
    """Ends those new deliveries that routing could not place; they carry its reason already."""
    ended = [Moved(id=row["id"], pipeline=row["pipeline"], state="failed", reason=row["reason"]) for row in rows]
    move(connection, ended, now_us)


def _store_repeats(connection: Connection, repeats: Sequence[_Repeat]) -> None:
    if not repeats:
        return
    for one in repeats:
        one.seq = one.seq or (one.first.seq if one.first else 0)
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


def _counts(new: Sequence[_New], repeats: Sequence[_Repeat]) -> Counts:
    unrouted = sum(1 for one in new if not one.offer.arrival.routed)
    return Counter({("", "events"): len(new), ("", "unrouted"): unrouted, ("", "repeats"): len(repeats)})


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
