"""The first schema: everything the delivery of events needs.

Revision ID: 0001
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG, INT, TEXT, BYTES, BOOL = sa.BigInteger(), sa.Integer(), sa.Text(), sa.LargeBinary(), sa.Boolean()
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def only(where: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(where), "postgresql_where": sa.text(where)}


QUEUE = {"fillfactor": 70, "autovacuum_vacuum_scale_factor": 0.02, "autovacuum_vacuum_cost_delay": 0}
# By day on PostgreSQL, each with a partition for what belongs to no other; days are made while the store is used.
PARTITIONED = ("events", "history", "attempts", "search_keys", "replies")


def upgrade() -> None:
    for create in (
        _attempts,
        _counters,
        _deliveries,
        _event_keys,
        _events,
        _history,
        _holds,
        _once,
        _owners,
        _refusals,
        _replies,
        _search_keys,
        _snapshots,
    ):
        create()
    if op.get_bind().dialect.name == "postgresql":
        for table in PARTITIONED:
            op.execute(f"CREATE TABLE {table}_rest PARTITION OF {table} DEFAULT")
        for sequence in ("events_seq_seq", "deliveries_id_seq"):  # ten digits of a number, after its day
            op.execute(f"ALTER SEQUENCE {sequence} MAXVALUE 9999999999 CYCLE")


def _attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("delivery_id", BIG, nullable=False),
        sa.Column("fence", BIG, nullable=False),
        sa.Column("number", INT, nullable=False),
        sa.Column("started_at", BIG, nullable=False),
        sa.Column("ended_at", BIG, nullable=False),
        sa.Column("ending", NAME, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("config_hash", NAME, nullable=False),
        sa.Column("trace", BYTES, nullable=False),
        sa.PrimaryKeyConstraint("delivery_id", "fence"),
        postgresql_partition_by="RANGE (delivery_id)",
    )


def _counters() -> None:
    op.create_table(
        "counters",
        sa.Column("hour", BIG, nullable=False),
        sa.Column("pipeline", NAME, nullable=False),
        sa.Column("outcome", NAME, nullable=False),
        sa.Column("shard", INT, nullable=False),
        sa.Column("count", BIG, nullable=False),
        sa.PrimaryKeyConstraint("hour", "pipeline", "outcome", "shard"),
        postgresql_with=QUEUE,
    )


def _delivery(*, numbered: bool) -> list[Any]:
    """What a delivery is, finished or not."""
    return [
        sa.Column("id", SERIAL, autoincrement=numbered, nullable=False),
        sa.Column("event_seq", BIG, nullable=False),
        sa.Column("source", NAME, nullable=False),
        sa.Column("pipeline", NAME, nullable=False),
        sa.Column("lane", NAME, nullable=True),
        sa.Column("mode", NAME, nullable=False),
        sa.Column("pos_time", BIG, nullable=False),
        sa.Column("pos_event", BIG, nullable=False),
        sa.Column("state", NAME, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("attempts", INT, nullable=False),
        sa.Column("fence", BIG, nullable=False),
        sa.Column("seed", NAME, nullable=False),
        sa.Column("policy_off", BOOL, nullable=False),
        sa.Column("replay_of", BIG, nullable=True),
        sa.Column("resend", TEXT, nullable=True),
        sa.Column("assume_done", TEXT, nullable=True),
        sa.Column("progress", TEXT, nullable=True),
        sa.Column("previous_ended_at", BIG, nullable=True),
    ]


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        *_delivery(numbered=True),
        sa.Column("due_at", BIG, nullable=False),
        sa.Column("look_at", BIG, nullable=False),
        sa.Column("look_step", BIG, nullable=False),
        sa.Column("owner", NAME, nullable=True),
        sa.Column("started_at", BIG, nullable=True),
        sa.Column("crashes", INT, nullable=False),
        sa.Column("suspect", BOOL, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
        postgresql_with=QUEUE,
    )
    op.create_index("deliveries_due", "deliveries", ["due_at"], **only("state = 'waiting' AND due_at > 0"))
    op.create_index("deliveries_event", "deliveries", ["event_seq"])
    op.create_index("deliveries_owner", "deliveries", ["owner"], **only("state = 'running'"))
    op.create_index("lane_waiting", "deliveries", ["lane", "pos_time", "pos_event", "id"], **only("state = 'waiting'"))
    op.create_index("one_running_per_lane", "deliveries", ["lane"], unique=True, **only("state = 'running'"))
    op.create_index("to_look_at", "deliveries", ["look_at"])


def _event_keys() -> None:
    op.create_table(
        "event_keys",
        sa.Column("key", NAME, nullable=False),
        sa.Column("event_seq", BIG, nullable=False),
        sa.PrimaryKeyConstraint("key"),
        sqlite_with_rowid=False,
    )


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("seq", SERIAL, autoincrement=True, nullable=False),
        sa.Column("id", NAME, nullable=False),
        sa.Column("source", NAME, nullable=False),
        sa.Column("received_at", BIG, nullable=False),
        sa.Column("event_type", NAME, nullable=False),
        sa.Column("i_env", NAME, nullable=True),
        sa.Column("i_event", NAME, nullable=True),
        sa.Column("trace_id", NAME, nullable=False),
        sa.Column("created_at", TEXT, nullable=True),
        sa.Column("body", BYTES, nullable=False),
        sa.Column("key", NAME, nullable=True),
        sa.Column("id_key", NAME, nullable=True),
        sa.Column("parts", BYTES, nullable=True),
        sa.Column("routed", BOOL, nullable=False),
        sa.Column("repeats", INT, nullable=False),
        sa.Column("same_id_as", NAME, nullable=True),
        sa.PrimaryKeyConstraint("seq"),
        sqlite_autoincrement=True,
        postgresql_partition_by="RANGE (seq)",
    )
    op.create_index("events_id", "events", ["id"])
    op.create_index("events_received", "events", ["received_at"])
    op.create_index("events_type", "events", ["event_type", "seq"])
    op.create_index(
        "events_unrouted", "events", ["seq"], sqlite_where=sa.text("routed = 0"), postgresql_where=sa.text("NOT routed")
    )


def _history() -> None:
    op.create_table(
        "history",
        *_delivery(numbered=False),
        sa.Column("finished_at", BIG, nullable=False),
        sa.Column("superseded_by", BIG, nullable=True),
        sa.Column("ending", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        postgresql_partition_by="RANGE (id)",
    )
    op.create_index("history_event", "history", ["event_seq"])
    op.create_index("history_pipeline", "history", ["pipeline", "event_seq"])
    op.create_index("history_unusual", "history", ["state", "event_seq"], **only("state != 'delivered'"))
    op.create_index("history_lane", "history", ["lane", "pos_time"], **only("source = 'nsps' AND state = 'delivered'"))


def _holds() -> None:
    op.create_table(
        "holds",
        sa.Column("scope", NAME, nullable=False),
        sa.Column("kind", NAME, nullable=False),
        sa.Column("by", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("owner", NAME, nullable=True),
        sa.PrimaryKeyConstraint("scope", "kind"),
    )


def _once() -> None:
    op.create_table(
        "once",
        sa.Column("pipeline", NAME, nullable=False),
        sa.Column("step", NAME, nullable=False),
        sa.Column("key", NAME, nullable=False),
        sa.Column("state", NAME, nullable=False),
        sa.Column("delivery_id", BIG, nullable=False),
        sa.Column("fence", BIG, nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("result", BYTES, nullable=True),
        sa.PrimaryKeyConstraint("pipeline", "step", "key"),
    )


def _owners() -> None:
    op.create_table(
        "owners",
        sa.Column("id", NAME, nullable=False),
        sa.Column("host", NAME, nullable=False),
        sa.Column("pid", INT, nullable=False),
        sa.Column("started_at", BIG, nullable=False),
        sa.Column("config_hash", NAME, nullable=False),
        sa.Column("refused", TEXT, nullable=False),
        sa.Column("beat_at", BIG, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def _refusals() -> None:
    op.create_table(
        "refusals",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("source", NAME, nullable=False),
        sa.Column("status", INT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("sender", NAME, nullable=False),
        sa.Column("headers", BYTES, nullable=False),
        sa.Column("body", BYTES, nullable=False),
        sa.Column("size_bytes", BIG, nullable=False),
        sa.Column("admitted_as", NAME, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )


def _replies() -> None:
    op.create_table(
        "replies",
        sa.Column("delivery_id", BIG, nullable=False),
        sa.Column("fence", BIG, nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("body", BYTES, nullable=False),
        sa.PrimaryKeyConstraint("delivery_id", "fence", "at"),
        postgresql_partition_by="RANGE (at)",
    )
    op.create_index("replies_at", "replies", ["at"])


def _search_keys() -> None:
    op.create_table(
        "search_keys",
        sa.Column("value", NAME, nullable=False),
        sa.Column("event_seq", BIG, nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.PrimaryKeyConstraint("value", "event_seq", "name"),
        sqlite_with_rowid=False,
        postgresql_partition_by="RANGE (event_seq)",
    )
    if op.get_bind().dialect.name == "sqlite":  # to drop by; elsewhere partitions are dropped
        op.create_index("search_keys_event", "search_keys", ["event_seq"])


def _snapshots() -> None:
    op.create_table(
        "snapshots",
        sa.Column("config_hash", NAME, nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("files", BYTES, nullable=False),
        sa.PrimaryKeyConstraint("config_hash"),
    )
