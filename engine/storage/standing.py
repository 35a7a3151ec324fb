"""Where the deliveries of an event stand, and how a sender's repeat opens its failed ones again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Connection, Text, bindparam, delete, false, insert, literal, null, select, true

from engine.storage.counting import Counts, count, hour_of
from engine.storage.encoding import from_json
from engine.storage.numbers import bounds
from engine.storage.protocol import Standing
from engine.storage.rows import FIRST_LOOK_US
from engine.storage.tables import FAILED, WAITING, deliveries, history

_SEQS = bindparam("seqs", expanding=True, type_=BigInteger())
_UNFINISHED = select(
    deliveries.c.id,
    deliveries.c.event_seq,
    deliveries.c.pipeline,
    deliveries.c.state,
    deliveries.c.reason,
    null().label("ending"),
).where(deliveries.c.event_seq.in_(_SEQS))
_FINISHED = select(
    history.c.id,
    history.c.event_seq,
    history.c.pipeline,
    history.c.state,
    history.c.reason,
    history.c.ending,
).where(
    history.c.event_seq.in_(_SEQS),
    history.c.id >= bindparam("low", type_=BigInteger()),
    history.c.id < bindparam("high", type_=BigInteger()),
)
STANDING = _UNFINISHED.union_all(_FINISHED)


def _reopened() -> tuple[list[str], list[Any]]:
    changed: dict[str, Any] = {
        "state": WAITING,
        "reason": literal("", Text()),
        "policy_off": true(),
        "due_at": bindparam("now", type_=BigInteger()),
        "look_at": bindparam("look", type_=BigInteger()),
        "look_step": literal(FIRST_LOOK_US, BigInteger()),
        "owner": null(),
        "started_at": null(),
        "crashes": literal(0, BigInteger()),
        "suspect": false(),
    }
    names = [column.name for column in deliveries.c]
    return names, [changed[name] if name in changed else history.c[name] for name in names]


_IDS = bindparam("ids", expanding=True, type_=BigInteger())
_NAMES, _COLUMNS = _reopened()
REOPEN = insert(deliveries).from_select(
    _NAMES, select(*_COLUMNS).where(history.c.id.in_(_IDS), history.c.state == FAILED)
)
DROP = delete(history).where(history.c.id.in_(_IDS)).returning(history.c.pipeline, history.c.finished_at)


def standing_of(connection: Connection, event_seqs: Sequence[int]) -> dict[int, tuple[Standing, ...]]:
    """By event: the newest delivery of each pipeline, in the order of their numbers."""
    found: dict[tuple[int, str], Any] = {}
    for row in sorted(
        connection.execute(STANDING, {"seqs": event_seqs, **bounds(connection, event_seqs)}),
        key=lambda row: int(row.id),
    ):
        found[row.event_seq, row.pipeline] = row
    standing: dict[int, tuple[Standing, ...]] = dict.fromkeys(event_seqs, ())
    for row in sorted(found.values(), key=lambda row: int(row.id)):
        standing[row.event_seq] += (_standing(row),)
    return standing


def _standing(row: Any) -> Standing:
    ending = None if row.ending is None else from_json(row.ending)
    return Standing(delivery_id=row.id, pipeline=row.pipeline, state=row.state, reason=row.reason, ending=ending)


def reopen(connection: Connection, failed: Sequence[Standing], now_us: int, look_us: int) -> None:
    """Failed deliveries wait again, due now: the same ones, their progress kept, their attempts continued."""
    if not failed:
        return
    ids = [one.delivery_id for one in failed]
    connection.execute(REOPEN, {"ids": ids, "now": now_us, "look": look_us})
    undone: Counts = Counter()
    for row in connection.execute(DROP, {"ids": ids}):
        undone[hour_of(row.finished_at), row.pipeline, "failed"] -= 1
    count(connection, undone)
