"""Rows to the values of the engine, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, bindparam, select

from engine.delivery import Routed
from engine.event import Event
from engine.storage.dialect import among, listed
from engine.storage.encoding import bounded, from_json, storable, storable_or_none, to_json
from engine.storage.instants import instant, micros
from engine.storage.numbers import bounds
from engine.storage.prepared import Prepared
from engine.storage.tables import events

FIRST_LOOK_US = 5_000_000
LONGEST_LOOK_US = 60_000_000
# A running row is looked at when a dead heartbeat could first show, and from then on as often as hearts beat.
RUNNING_LOOK_US = 10_000_000
RUNNING_AGAIN_US = 3_000_000

_PART = ("data", "pb_data")


def event_row(event: Event, seq: int, extra: Mapping[str, Any]) -> dict[str, Any]:
    """The row of a new event. `extra`: its keys, `routed` and `same_id_as`."""
    return {
        "seq": seq,
        "id": storable(event.id),
        "source": event.source,
        "received_at": micros(event.received_at),
        "event_type": storable(event.event_type),
        "i_env": storable_or_none(event.i_env),
        "i_event": storable_or_none(event.i_event),
        "trace_id": storable(event.trace_id),
        "created_at": storable_or_none(event.created_at),
        "body": event.body,
        "parts": parts(event),
        "repeats": 0,
        **extra,
    }


def parts(event: Event) -> bytes | None:
    """`data` and `facts` as JSON, None where the body alone gives them back (nearly always)."""
    if event.as_posted:
        return None
    try:
        told = _read_body(event.source, from_json(event.body))
    except (ValueError, AttributeError, TypeError):
        told = None
    wanted = (event.data, event.facts)
    return None if told == wanted else to_json({"data": event.data, "pb_data": event.facts})


def _read_body(source: str, body: Any) -> tuple[Any, Any]:
    if source == "espf":
        return body, None
    return body.get("data"), body.get("pb_data")


def event_of(row: Any) -> Event:
    """The event as it was accepted."""
    if row.parts is None:
        data, facts = _read_body(row.source, from_json(row.body))
    else:
        data, facts = (from_json(row.parts)[name] for name in _PART)
    return Event(
        id=row.id,
        source=row.source,
        received_at=instant(row.received_at),
        event_type=row.event_type,
        data=data,
        body=row.body,
        i_env=row.i_env,
        i_event=row.i_event,
        trace_id=row.trace_id,
        facts=facts,
        created_at=row.created_at,
    )


EVENTS = Prepared(
    select(
        events.c.seq,
        events.c.id,
        events.c.source,
        events.c.received_at,
        events.c.event_type,
        events.c.body,
        events.c.parts,
        events.c.i_env,
        events.c.i_event,
        events.c.trace_id,
        events.c.created_at,
    ).where(
        among(events.c.seq, "seqs"),
        events.c.seq >= bindparam("low", type_=BigInteger()),
        events.c.seq < bindparam("high", type_=BigInteger()),
    )
)


def events_asked(connection: Connection, seqs: Sequence[int]) -> Callable[[], dict[int, Event]]:
    """Asks for the events of these numbers of arrival; what it returns gives them."""
    found = EVENTS.asked(connection, {"seqs": listed(seqs), **bounds(connection, seqs)})
    return lambda: {row.seq: event_of(row) for row in found()}


def delivery_row(
    event_seq: int, source: str, routed: Routed, seed: str, now: datetime, extra: Mapping[str, Any]
) -> dict[str, Any]:
    """The row of a new delivery, waiting and due now. `extra` lies over it."""
    now_us = micros(now)
    return {
        "event_seq": event_seq,
        "source": source,
        "pipeline": routed.pipeline,
        "lane": storable_or_none(routed.lane),
        "mode": routed.mode,
        "pos_time": micros(routed.position_time),
        "pos_event": bounded(routed.position_event),
        "state": "waiting",
        "reason": storable(routed.failed or ""),
        "created_at": now_us,
        "attempts": 0,
        "fence": 0,
        "seed": seed,
        "policy_off": False,
        "replay_of": None,
        "resend": None,
        "assume_done": None,
        "progress": None,
        "previous_ended_at": None,
        "due_at": now_us,
        "look_at": now_us,
        "look_step": FIRST_LOOK_US,
        "owner": None,
        "started_at": None,
        "crashes": 0,
        "suspect": False,
        **extra,
    }
