"""Which events a person means: a page of them, newest first, or one."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Select, select, union_all

from engine.delivery import FINAL
from engine.errors import WrongUse
from engine.storage.encoding import LARGEST, storable
from engine.storage.instants import micros
from engine.storage.protocol import EventFilter
from engine.storage.tables import FAILED, deliveries, events, history, search_keys

PREFIX_MIN = 4
_LAST = "\U0010ffff"


def page(connection: Connection, wanted: EventFilter) -> list[int]:
    """Numbers of arrival, newest first, at most `limit`; by keyset, so a page deep in the history costs no more."""
    query = select(events.c.seq).order_by(events.c.seq.desc()).limit(wanted.limit)
    if wanted.before is not None:
        query = query.where(events.c.seq < _known(connection, wanted.before))
    if wanted.event_type is not None:
        query = query.where(events.c.event_type == wanted.event_type)
    if wanted.since is not None:
        query = query.where(events.c.received_at >= micros(wanted.since))
    if wanted.find is not None:
        query = query.where(events.c.seq.in_(_found(wanted.find)))
    if wanted.state == "unrouted":
        query = query.where(~events.c.routed)
    elif wanted.state is not None or wanted.pipeline is not None:
        query = query.where(events.c.seq.in_(_with_delivery(wanted.state, wanted.pipeline)))
    return list(connection.execute(query).scalars())


def _known(connection: Connection, event_id: str) -> int:
    seq = connection.execute(select(events.c.seq).where(events.c.id == event_id)).scalar_one_or_none()
    if seq is None:
        raise WrongUse(f"there is no event {event_id} to begin the page after: it may have gone with `keep.finished`")
    return int(seq)


def _found(text: str) -> Any:
    """Those with this id, i_event or search key."""
    text = storable(text)
    return union_all(
        select(events.c.seq).where(events.c.id == text),
        select(events.c.seq).where(events.c.i_event == text),
        select(search_keys.c.event_seq).where(search_keys.c.value == text),
    )


def _with_delivery(state: str | None, pipeline: str | None) -> Any:
    """Those that have a delivery in this state, of this pipeline."""
    queries: list[Select[Any]] = []
    if state is None or state not in FINAL:
        queries.append(_of(deliveries.c, state, pipeline))
    if state is None or state in FINAL:
        queries.append(_of(history.c, state, pipeline))
    return union_all(*queries)


def _of(columns: Any, state: str | None, pipeline: str | None) -> Select[Any]:
    query = select(columns.event_seq)
    if state is not None:
        # Spelled as the partial index has it, which a bound value would not match.
        query = query.where(columns.state == (FAILED if state == "failed" else state))
    return query if pipeline is None else query.where(columns.pipeline == pipeline)


def seq_of(connection: Connection, wanted: str) -> int | None:
    """One event: by its id, i_event, the number of one of its deliveries (also `#12`), or a unique beginning of its id.

    Of several events with one i_event, the newest.
    """
    wanted = storable(wanted.strip())
    number = wanted.removeprefix("#")
    queries = [] if wanted.startswith("#") else [events.c.id == wanted, events.c.i_event == wanted]
    for where in queries:
        seq = connection.execute(select(events.c.seq).where(where).order_by(events.c.seq.desc()).limit(1)).scalar()
        if seq is not None:
            return int(seq)
    if number.isascii() and number.isdigit() and int(number) <= LARGEST:
        for columns in (deliveries.c, history.c):
            seq = connection.execute(select(columns.event_seq).where(columns.id == int(number))).scalar()
            if seq is not None:
                return int(seq)
    return _by_beginning(connection, wanted)


def _by_beginning(connection: Connection, wanted: str) -> int | None:
    if len(wanted) < PREFIX_MIN:
        return None
    begins = select(events.c.seq).where(events.c.id >= wanted, events.c.id < wanted + _LAST).limit(2)
    seqs = list(connection.execute(begins).scalars())
    return int(seqs[0]) if len(seqs) == 1 else None
