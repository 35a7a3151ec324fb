"""A delivery that ended moves from `deliveries` to `history`, under the same id."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Connection, Text, bindparam, case, delete, insert, null, select
from sqlalchemy.sql.expression import ColumnElement

from engine.storage.counting import count
from engine.storage.prepared import Prepared
from engine.storage.tables import deliveries, history
from engine.value import value


@value
class Moved:
    """How a delivery ended."""

    id: int
    pipeline: str
    state: str
    reason: str
    attempts_used: int = 0
    superseded_by: int | None = None
    ending: str | None = None


def _copy() -> tuple[list[str], list[ColumnElement[Any]]]:
    # Progress goes with the delivery, but for processed ones: a repeat of theirs continues where it ended.
    changed: dict[str, ColumnElement[Any]] = {
        "state": bindparam("to_state", type_=Text()),
        "reason": bindparam("to_reason", type_=Text()),
        "attempts": deliveries.c.attempts + bindparam("used", type_=BigInteger()),
        "progress": case((deliveries.c.policy_off, deliveries.c.progress), else_=null()),
        "previous_ended_at": bindparam("ended_at", type_=BigInteger()),
        "finished_at": bindparam("finished", type_=BigInteger()),
        "superseded_by": bindparam("by_id", type_=BigInteger()),
        "ending": bindparam("to_ending", type_=Text()),
    }
    names = [column.name for column in history.c]
    return names, [changed[name] if name in changed else deliveries.c[name] for name in names]


_NAMES, _COLUMNS = _copy()
_ONE = deliveries.c.id == bindparam("moved_id", type_=BigInteger())
MOVE = Prepared(insert(history).from_select(_NAMES, select(*_COLUMNS).where(_ONE)))
DROP = Prepared(delete(deliveries).where(_ONE))


def move(connection: Connection, moved: Sequence[Moved], now_us: int) -> None:
    """Ends these deliveries and counts them."""
    if not moved:
        return
    rows = [
        {
            "moved_id": one.id,
            "to_state": one.state,
            "to_reason": one.reason,
            "used": one.attempts_used,
            "ended_at": now_us,
            "finished": now_us,
            "by_id": one.superseded_by,
            "to_ending": one.ending,
        }
        for one in moved
    ]
    MOVE.run_many(connection, rows)
    DROP.run_many(connection, rows)
    count(connection, Counter((one.pipeline, one.state) for one in moved), now_us)
