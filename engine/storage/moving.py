"""A delivery that ended moves from `deliveries` to `history`, under the same id."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Connection, Text, bindparam, case, delete, insert, null, select
from sqlalchemy.sql.expression import ColumnElement

from engine.storage.counting import count, hour_of
from engine.storage.dialect import among, listed
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
_MOVED = among(deliveries.c.id, "ids")
MOVE = Prepared(insert(history).from_select(_NAMES, select(*_COLUMNS).where(_MOVED)))
DROP = Prepared(delete(deliveries).where(_MOVED))


def move(connection: Connection, moved: Sequence[Moved], now_us: int) -> None:
    """Ends these deliveries and counts them."""
    if not moved:
        return
    alike: defaultdict[tuple[Any, ...], list[int]] = defaultdict(list)  # most are delivered at the first attempt
    for one in moved:
        alike[one.state, one.reason, one.attempts_used, one.superseded_by, one.ending].append(one.id)
    for (state, reason, used, by_id, ending), ids in alike.items():
        how = {"to_state": state, "to_reason": reason, "used": used, "by_id": by_id, "to_ending": ending}
        MOVE.run(connection, {**how, "ids": listed(ids), "ended_at": now_us, "finished": now_us})
    DROP.run(connection, {"ids": listed(one.id for one in moved)})
    count(connection, Counter((hour_of(now_us), one.pipeline, one.state) for one in moved))
