"""Keys: what makes an arrival a repeat, in a table of their own, for no unique key can live on tables that are dropped by day.

A row of `event_keys` names the first event of its key. Who inserts it first has the event; another process that inserts it
at the same moment waits for that commit, and then knows its arrival as a repeat.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from sqlalchemy import BigInteger, Connection, bindparam, select, update

from engine.storage.bulk import LEFT_OUT, Rows
from engine.storage.dialect import among, listed
from engine.storage.numbers import bounds
from engine.storage.prepared import Prepared
from engine.storage.protocol import Arrival
from engine.storage.tables import event_keys, events

_RESERVE = Rows(event_keys, LEFT_OUT)
_OWNERS = Prepared(select(event_keys.c.key, event_keys.c.event_seq).where(among(event_keys.c.key, "keys")))
_IDS = Prepared(
    select(events.c.seq, events.c.id).where(
        among(events.c.seq, "seqs"),
        events.c.seq >= bindparam("low", type_=BigInteger()),
        events.c.seq < bindparam("high", type_=BigInteger()),
    )
)
_TAKE_OVER = (
    update(event_keys)
    .where(event_keys.c.key == bindparam("of_key"), event_keys.c.event_seq == bindparam("gone"))
    .values(event_seq=bindparam("mine"))
)


@dataclass(frozen=True, slots=True)
class Keys:
    """An arrival's keys as they are stored: of the whole of it, and of its id alone."""

    key: str | None
    id_key: str | None


@dataclass(frozen=True, slots=True)
class Known:
    """The first event of each key, and the ids of those events."""

    seqs: Mapping[str, int]
    ids: Mapping[int, str]

    def get(self, key: str | None, otherwise: int) -> int:
        return otherwise if key is None else self.seqs.get(key, otherwise)


def keys_of(arrival: Arrival) -> Keys:
    """The arrival's keys, hashed."""
    named = arrival.id_key if arrival.event.i_event is not None else None
    return Keys(
        key=None if arrival.key is None else hashed(arrival.key),
        id_key=None if named is None else hashed(f"id {named}"),
    )


def hashed(key: str) -> str:
    """22 characters for a key of any length: hundreds of millions are kept."""
    return b64encode(blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).digest()).decode()[:22]


def reserve(connection: Connection, keys: Sequence[Keys], seqs: Sequence[int], ids: Sequence[str]) -> Known:
    """Writes the keys of arrivals that would be the events `seqs`, but for those that are known; says whose each is."""
    wanted: dict[str, int] = {}
    for one, seq in zip(keys, seqs, strict=True):
        for key in (one.key, one.id_key):
            if key is not None:
                wanted.setdefault(key, seq)
    if not wanted:
        return Known({}, {})
    # Sorted: two processes that reserve the same keys take them in the same order.
    rows = [{"key": key, "event_seq": seq} for key, seq in sorted(wanted.items())]
    _RESERVE.run_many(connection, rows)
    owners = {row.key: row.event_seq for row in _OWNERS.rows(connection, {"keys": listed(wanted)})}
    mine = dict(zip(seqs, ids, strict=True))
    others = sorted({seq for seq in owners.values() if seq not in mine})
    if not others:
        return Known(owners, mine)
    found = _IDS.rows(connection, {"seqs": listed(others), **bounds(connection, others)})
    stored = {row.seq: row.id for row in found}
    return Known(_taken_over(connection, owners, wanted, {*mine, *stored}), {**stored, **mine})


def _taken_over(
    connection: Connection, owners: Mapping[str, int], wanted: Mapping[str, int], there: set[int]
) -> dict[str, int]:
    """A key whose event went with its day, or was never stored, is free."""
    free = [{"of_key": key, "gone": seq, "mine": wanted[key]} for key, seq in owners.items() if seq not in there]
    if free:
        connection.execute(_TAKE_OVER, free)
    return {key: seq if seq in there else wanted[key] for key, seq in owners.items()}
