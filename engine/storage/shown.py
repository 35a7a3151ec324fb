"""The history as people see it: events, their deliveries and attempts, what is asked of it, and what was refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from engine.delivery import State
from engine.event import EventSource


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """An event as the history shows it."""

    id: str
    source: str
    received_at: datetime
    event_type: str
    i_env: str | None
    i_event: str | None
    body: bytes
    trace_id: str
    repeats: int
    same_id_as: str | None
    deliveries: tuple[DeliveryRow, ...] = ()

    def latest(self, pipeline: str | None = None) -> list[DeliveryRow]:
        """The latest delivery to each pipeline, or to this one: what was sent again counts as that."""
        return latest(self.deliveries, pipeline)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRow:
    """A delivery as the history shows it, finished or not."""

    id: int
    event_id: str
    pipeline: str
    lane: str | None
    mode: str
    state: State
    reason: str
    attempts: int
    due_at: datetime | None
    finished_at: datetime | None
    superseded_by: int | None
    replay_of: int | None
    owner: str | None
    suspect: bool
    behind: int | None = None  # the delivery of its lane that must end first
    behind_until: datetime | None = None  # before when that one does not start again; None: it runs, or may start


def latest(deliveries: Iterable[DeliveryRow], pipeline: str | None = None) -> list[DeliveryRow]:
    """The latest of one event's deliveries to each pipeline, or to this one."""
    of = {row.pipeline: row for row in sorted(deliveries, key=lambda row: row.id)}
    return [row for row in of.values() if pipeline in (None, row.pipeline)]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRow:
    delivery_id: int
    number: int
    started_at: datetime
    ended_at: datetime
    ending: str
    reason: str
    config_hash: str
    trace: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """What `nsps events` asks for. `find` matches an event id, an i_event, an i_account or a declared search key.

    `state`: a delivery's state, or `unrouted`; what failed and was sent again since is not `failed` here. Newest first;
    `before` is the id of the last event of the page before.
    """

    state: str | None = None
    pipeline: str | None = None
    event_type: str | None = None
    find: str | None = None
    since: datetime | None = None
    before: str | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What a sender posted and we did not take. `headers` carries no credentials."""

    at: datetime
    source: EventSource
    status: int
    reason: str
    sender: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    id: int = 0
    admitted_as: str | None = None
