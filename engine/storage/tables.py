"""The tables. Instants are BIGINT microseconds, UTC; an event is referred to by `seq`, its number of arrival.

Unfinished deliveries live in `deliveries`, which stays small; the transaction that ends one moves it to `history` under
the same id. Indexes with a `WHERE` are used only by queries that spell the same literal (`WAITING`, `RUNNING`).

On PostgreSQL what grows is partitioned by day (`engine.storage.partitions`), by a key that its primary key begins or ends with.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    literal_column,
)

metadata = MetaData()

# SQLite autoincrements only a column declared INTEGER; compared byte by byte on every server, so that a prefix is a range.
Serial = BigInteger().with_variant(Integer(), "sqlite")
Name = Text().with_variant(Text(collation="C"), "postgresql")

# Rows that change all the time: room to change within their page, and a vacuum that comes early.
QUEUE = {"fillfactor": 70, "autovacuum_vacuum_scale_factor": 0.02, "autovacuum_vacuum_cost_delay": 0}

ZERO = literal_column("0", BigInteger())
WAITING = literal_column("'waiting'", Text())
RUNNING = literal_column("'running'", Text())
FAILED = literal_column("'failed'", Text())
DELIVERED = literal_column("'delivered'", Text())
STRICT = literal_column("'strict'", Text())
LATEST = literal_column("'latest'", Text())
NSPS = literal_column("'nsps'", Text())


def _needed(name: str, kind: Any) -> Column[Any]:
    return Column(name, kind, nullable=False)


def _delivery(*, numbered: bool) -> list[Column[Any]]:
    """What a delivery is, finished or not."""
    return [
        Column("id", Serial, primary_key=True, autoincrement=numbered),
        _needed("event_seq", BigInteger),
        _needed("source", Name),
        _needed("pipeline", Name),
        Column("lane", Name),
        _needed("mode", Name),
        _needed("pos_time", BigInteger),
        _needed("pos_event", BigInteger),
        _needed("state", Name),
        _needed("reason", Text),
        _needed("created_at", BigInteger),
        _needed("attempts", Integer),
        _needed("fence", BigInteger),
        _needed("seed", Name),
        _needed("policy_off", Boolean),
        Column("replay_of", BigInteger),
        Column("resend", Text),
        Column("assume_done", Text),
        Column("progress", Text),
        Column("previous_ended_at", BigInteger),
    ]


events = Table(
    "events",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    _needed("id", Name),
    _needed("source", Name),
    _needed("received_at", BigInteger),
    _needed("event_type", Name),
    Column("i_env", Name),
    Column("i_event", Name),
    _needed("trace_id", Name),
    Column("created_at", Text),  # as an envelope brought it
    _needed("body", LargeBinary),
    Column("key", Name),  # as in event_keys
    Column("id_key", Name),  # likewise
    Column("parts", LargeBinary),  # {data, facts} as JSON, where the body alone would not give them back
    _needed("routed", Boolean),
    _needed("repeats", Integer),
    Column("same_id_as", Name),
    Index("events_id", "id"),
    Index("events_type", "event_type", "seq"),
    Index("events_received", "received_at"),
    sqlite_autoincrement=True,
    postgresql_partition_by="RANGE (seq)",
)
Index("events_unrouted", events.c.seq, sqlite_where=~events.c.routed, postgresql_where=~events.c.routed)

event_keys = Table(
    "event_keys",
    metadata,
    Column("key", Name, primary_key=True),  # a hash of Arrival.key, or of Arrival.id_key: then of the first of that id
    _needed("event_seq", BigInteger),
    sqlite_with_rowid=False,
)

search_keys = Table(
    "search_keys",
    metadata,
    _needed("value", Name),
    _needed("event_seq", BigInteger),
    _needed("name", Name),
    PrimaryKeyConstraint("value", "event_seq", "name"),
    Index("search_keys_event", "event_seq").ddl_if(dialect="sqlite"),  # to drop by; elsewhere partitions are dropped
    sqlite_with_rowid=False,
    postgresql_partition_by="RANGE (event_seq)",
)

deliveries = Table(
    "deliveries",
    metadata,
    *_delivery(numbered=True),
    _needed("due_at", BigInteger),  # may not start before
    _needed("look_at", BigInteger),  # the sweep need not look before
    _needed("look_step", BigInteger),
    Column("owner", Name),
    Column("started_at", BigInteger),
    _needed("crashes", Integer),
    _needed("suspect", Boolean),
    Index("to_look_at", "look_at"),
    Index("deliveries_event", "event_seq"),
    sqlite_autoincrement=True,
    postgresql_with=QUEUE,
)
_running = deliveries.c.state == RUNNING
_waiting = deliveries.c.state == WAITING
# NOT EXISTS alone lets two of one lane run on PostgreSQL: this index is the promise.
Index("one_running_per_lane", deliveries.c.lane, unique=True, sqlite_where=_running, postgresql_where=_running)
# Of no use but for due times: a lane is never looked up along it.
_due = _waiting & (deliveries.c.due_at > ZERO)
Index("deliveries_due", deliveries.c.due_at, sqlite_where=_due, postgresql_where=_due)
Index("deliveries_owner", deliveries.c.owner, sqlite_where=_running, postgresql_where=_running)
Index(
    "lane_waiting",
    deliveries.c.lane,
    deliveries.c.pos_time,
    deliveries.c.pos_event,
    deliveries.c.id,
    sqlite_where=_waiting,
    postgresql_where=_waiting,
)

history = Table(
    "history",
    metadata,
    *_delivery(numbered=False),
    _needed("finished_at", BigInteger),
    Column("superseded_by", BigInteger),
    Column("ending", Text),  # what a waiting sender is answered: JSON
    Index("history_event", "event_seq"),
    Index("history_pipeline", "pipeline", "event_seq"),
    postgresql_partition_by="RANGE (id)",
)
_unusual = history.c.state != DELIVERED
_came_enriched = (history.c.source == NSPS) & (history.c.state == DELIVERED)
Index("history_unusual", history.c.state, history.c.event_seq, sqlite_where=_unusual, postgresql_where=_unusual)
Index(
    "history_lane",
    history.c.lane,
    history.c.pos_time,
    sqlite_where=_came_enriched,
    postgresql_where=_came_enriched,
)

attempts = Table(
    "attempts",
    metadata,
    _needed("delivery_id", BigInteger),
    _needed("fence", BigInteger),
    _needed("number", Integer),
    _needed("started_at", BigInteger),
    _needed("ended_at", BigInteger),
    _needed("ending", Name),
    _needed("reason", Text),
    _needed("config_hash", Name),
    _needed("trace", LargeBinary),
    PrimaryKeyConstraint("delivery_id", "fence"),
    postgresql_partition_by="RANGE (delivery_id)",
)

replies = Table(
    "replies",
    metadata,
    _needed("delivery_id", BigInteger),
    _needed("fence", BigInteger),
    _needed("at", BigInteger),
    _needed("body", LargeBinary),
    PrimaryKeyConstraint("delivery_id", "fence", "at"),
    Index("replies_at", "at"),
    postgresql_partition_by="RANGE (at)",
)

once = Table(
    "once",
    metadata,
    _needed("pipeline", Name),
    _needed("step", Name),
    _needed("key", Name),
    _needed("state", Name),  # intended, done, unknown
    _needed("delivery_id", BigInteger),
    _needed("fence", BigInteger),
    _needed("at", BigInteger),
    Column("result", LargeBinary),
    PrimaryKeyConstraint("pipeline", "step", "key"),
)

refusals = Table(
    "refusals",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    _needed("at", BigInteger),
    _needed("source", Name),
    _needed("status", Integer),
    _needed("reason", Text),
    _needed("sender", Name),
    _needed("headers", LargeBinary),
    _needed("body", LargeBinary),
    _needed("size_bytes", BigInteger),
    Column("admitted_as", Name),
    sqlite_autoincrement=True,
)

counters = Table(
    "counters",
    metadata,
    _needed("hour", BigInteger),  # hours since 1970
    _needed("pipeline", Name),  # "" for what has none
    _needed("outcome", Name),
    _needed("shard", Integer),  # connections of PostgreSQL add to different ones, and do not wait for each other
    _needed("count", BigInteger),
    PrimaryKeyConstraint("hour", "pipeline", "outcome", "shard"),
    postgresql_with=QUEUE,
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("config_hash", Name, primary_key=True),
    _needed("at", BigInteger),
    _needed("files", LargeBinary),
)

holds = Table(
    "holds",
    metadata,
    _needed("scope", Name),
    _needed("kind", Name),
    _needed("by", Text),
    _needed("reason", Text),
    _needed("at", BigInteger),
    Column("owner", Name),
    PrimaryKeyConstraint("scope", "kind"),
)

owners = Table(
    "owners",
    metadata,
    Column("id", Name, primary_key=True),
    _needed("host", Name),
    _needed("pid", Integer),
    _needed("started_at", BigInteger),
    _needed("config_hash", Name),
    _needed("refused", Text),
    _needed("beat_at", BigInteger),
)
