# ruff: noqa: PLC0414 - what is imported under its own name is of this contract too
"""What the engine asks of the store, area by area. `engine.storage.store.Store` is all of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from engine.delivery import OnceKey, OnceNote, Outcome, Routed, State, StepDone
from engine.event import Event
from engine.storage.shown import AttemptRow as AttemptRow
from engine.storage.shown import DeliveryRow as DeliveryRow
from engine.storage.shown import EventFilter as EventFilter
from engine.storage.shown import EventRow as EventRow
from engine.storage.shown import Refusal as Refusal
from engine.value import value

# --- intake -----------------------------------------------------------------------------------------------------------


@value
class Arrival:
    """An event to be stored with its deliveries.

    `key` identifies repeats (None: none). `id_key` hashes source, i_env and i_event only, so that the same id with other content
    is stored but flagged. `replace_body`: a repeat's body replaces the stored one (NSPS role). `hinted`: ids will be handed to
    the queue right after, so the sweep need not look for 5 s.
    """

    event: Event
    routed: Sequence[Routed]
    key: str | None
    id_key: str | None = None
    replace_body: bool = False
    policy_off: bool = False  # processed answers: the sender owns the retries
    hinted: bool = True
    look_at: datetime | None = None  # processed answers: when a sweep may give it up, for its receiver is surely gone


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where one delivery of an event stands: the newest of its pipeline (a replay counts for what it replays).

    `ending`, of a finished `policy_off` one: {kind, answer, fault, status, ours, retry_after_s} of the attempt that ended
    it, so that another process can give the same answer.
    """

    delivery_id: int
    pipeline: str
    state: State
    reason: str = ""
    ending: Mapping[str, Any] | None = None


@value
class Accepted:
    """Returned after the commit. `delivery_ids` are those stored now (empty for a repeat), waiting ones only.

    `same_id_as` names an earlier event that had the same id but other content.
    `standing`, for `policy_off` arrivals only: all deliveries of the event as they stand after the commit, in the order of
    `routed`. A repeat has set its failed ones to waiting again in the same transaction (same delivery, progress kept,
    attempts continue, `look_at` as the arrival says).
    """

    event_id: str
    new: bool
    delivery_ids: tuple[int, ...]
    same_id_as: str | None = None
    standing: tuple[Standing, ...] = ()


class Intake(Protocol):
    async def accept(self, arrival: Arrival) -> Accepted:
        """Stores it in a group commit. Raises StoreUnavailable; then nothing is stored."""

    async def refuse(self, refusal: Refusal) -> None:
        """Keeps what was refused, within bounds of count, bytes and rate; counts it always."""


# --- claims -----------------------------------------------------------------------------------------------------------


@value
class Claimed:
    """A delivery this process now holds. `fence` is its number: only its holder writes an outcome.

    `attempts` were used before this one. `suspect`: it was in flight at a crash; it runs alone in its process. `outdone`:
    older ones of its `latest` lane that another process looked at in that moment: superseded when this one ends.
    """

    delivery_id: int
    fence: int
    event: Event
    pipeline: str
    lane: str | None
    attempts: int
    crashes: int
    suspect: bool
    policy_off: bool
    seed: str
    previous_ended_at: datetime | None
    done: tuple[StepDone, ...]
    resend: frozenset[str] = frozenset()
    assume_done: frozenset[str] = frozenset()
    outdone: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One row the sweep should do something about. `stalled`: its owner's heartbeat is dead.

    `policy_off`: a processed one whose sender no longer waits (it is looked at 30 s after it came, not before).
    """

    delivery_id: int
    pipeline: str
    state: State
    owner: str | None
    fence: int
    crashes: int
    suspect: bool
    stalled: bool
    policy_off: bool = False


class Claims(Protocol):
    async def claim(
        self, ids: Sequence[int], owner: str, pipelines: Sequence[str], now: datetime, alone: bool = False
    ) -> list[Claimed]:
        """Claims those of `ids` that may start now: waiting, due, of these pipelines, first (strict) or last (latest) of
        their lane with none running. In a `latest` lane the older waiting ones become superseded. Suspects are claimed
        only when `alone`: then nothing else runs in this process."""

    async def abandon(self, ids: Sequence[int], reason: str, now: datetime) -> int:
        """Waiting ones become `failed` without an attempt (a processed answer that gave up: its sender repeats).
        Returns how many; those that moved meanwhile are left alone."""

    async def standing(self, event_id: str) -> tuple[Standing, ...]:
        """Where each delivery of this event stands, finished or not; the event's id exactly."""

    async def keep_done(self, delivery_id: int, fence: int, step: StepDone) -> None:
        """Makes a finished step durable. Raises ClaimLost."""

    async def intend(self, once: OnceKey, delivery_id: int, fence: int, now: datetime) -> OnceNote: ...

    async def settle(
        self, once: OnceKey, delivery_id: int, state: Literal["done", "dropped", "unknown"], result: Any, now: datetime
    ) -> None: ...

    async def finish(self, finished: Finished) -> tuple[int, ...]:
        """Writes the attempt and the outcome, coalesced with others. Returns ids that may start now (next of its lane).

        Raises ClaimLost when the fence is another's; then nothing is written."""

    async def took(self, finished: Finished) -> bool:
        """Whether this attempt is in the store: `finish` may have written it though its answer was lost."""

    async def give_back(self, owner: str, now: datetime) -> int:
        """Running deliveries of this owner wait again, due now, nothing counted. Returns how many."""

    async def give_back_strays(self, owner: str, known: Collection[int], before: datetime, now: datetime) -> int:
        """`give_back` for those that were claimed until `before` and are none of `known`."""

    async def beat(self, owner: Owner, now: datetime) -> datetime:
        """Writes this process's heartbeat; returns the store's time."""

    async def leave(self, owner: str) -> None:
        """Removes this process's heartbeat row. What it still holds is stalled, and is looked at next."""

    async def look(
        self, now: datetime, limit: int, processed_only: bool = False, besides: Sequence[str] = ()
    ) -> list[Look]:
        """Rows whose `look_at` has come; moves it (5 s, doubling to a minute; a suspect's always 5 s) so that no other
        sweep looks too. `processed_only`: those of processed answers, which is all that a receiver without a worker looks after.
        `besides`: waiting ones of these pipelines are left for a later look, or another process's."""

    async def forget_hints(self, now: datetime) -> int:
        """What could start now is looked at next, however lately it was: those who were told of it are gone. Returns how
        many."""

    async def set_back(self, now: datetime) -> None:
        """The clock was ahead: what was written then to wait or to be looked at, waits as long as was meant, from now."""

    async def release_stalled(self, look: Look, now: datetime) -> State | None:
        """A running delivery whose owner is dead waits again as a suspect, with an attempt "outcome unknown"; the third
        crash alone makes it `failed`; a processed one is `failed: interrupted`. None when it moved meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """One process that works on deliveries."""

    id: str
    host: str
    pid: int
    started_at: datetime
    config_hash: str
    refused: str = ""  # why it does not run the configuration its folder holds now


@value
class Finished:
    """What is written when an attempt ended: its trace, and for `nsps diff` what its reads were told; masked, bounded JSON."""

    delivery_id: int
    fence: int
    number: int
    started_at: datetime
    ended_at: datetime
    outcome: Outcome
    trace: bytes = field(repr=False)
    search: Mapping[str, str] = field(default_factory=dict)
    config_hash: str = ""
    replies: bytes = field(default=b"", repr=False)
    outdone: tuple[int, ...] = ()  # as it was claimed


# --- control, configuration, history ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A pause (by a person) or a hold (by us, a login refused). `scope`: `all`, `pipeline:NAME`, `connector:NAME`."""

    scope: str
    kind: Literal["paused", "held"]
    by: str
    reason: str
    at: datetime
    owner: str | None = None  # a hold lasts until a process starts with other settings


class Control(Protocol):
    async def holds(self) -> list[Hold]: ...

    async def set_hold(self, hold: Hold) -> None: ...

    async def lift(self, scope: str, now: datetime, kind: str | None = None) -> bool:
        """Removes holds of the scope, of any kind or of this, and makes what waited look-able now. False when there was none."""

    async def forget(self, now: datetime, finished_s: float, replies_s: float) -> int:
        """Drops what `keep:` no longer keeps, a bounded amount at a time. Returns how many events went."""

    async def snapshot(self, config_hash: str, files: Mapping[str, str], now: datetime) -> None:
        """Keeps a configuration by its hash, once."""

    async def snapshot_of(self, config_hash: str) -> Mapping[str, str] | None:
        """The files of a configuration that was kept, by name."""


class History(Protocol):
    async def events(self, wanted: EventFilter) -> list[EventRow]: ...

    async def event(self, event_id: str) -> EventRow | None:
        """By its id, a unique beginning of it, an i_event, or the number of one of its deliveries."""

    async def stored_event(self, event_id: str) -> Event | None:
        """The event itself, as it was accepted."""

    async def attempts(self, delivery_id: int) -> list[AttemptRow]: ...

    async def replies(self, delivery_id: int) -> list[bytes]:
        """The recorded replies of its reads (`Finished.replies`), oldest first; empty after `keep.replies`."""

    async def counts(self) -> Mapping[str, Any]:
        """{events, unrouted, repeats, refused, refused_kept, failed, deliveries: {pipeline: {state: n}}}.

        `events`, `repeats`, `refused` and the finished states of `deliveries` count all there ever were; `unrouted`,
        `failed` and `refused_kept` what is there now."""

    async def due_longest(self, pipelines: Sequence[str]) -> datetime | None:
        """When the first of these pipelines' deliveries is due, or was, of those that nothing of their lane holds back."""

    async def refusals(self, limit: int) -> list[Refusal]: ...

    async def refusal(self, refusal_id: int) -> Refusal | None: ...

    async def admitted(self, refusal_id: int, event_id: str) -> None:
        """Notes that the refused one was taken in after all, as this event."""

    async def replay(
        self,
        delivery_id: int,
        routed: Routed,
        now: datetime,
        resend: Sequence[str],
        assume_done: Sequence[str],
        once_only: bool = False,
    ) -> int:
        """A new delivery for a finished one; returns its id. `once_only`: WrongUse when that was sent again already."""

    async def route_again(self, event_id: str, routed: Sequence[Routed], now: datetime) -> tuple[int, ...]:
        """Deliveries for an event no pipeline took; returns their ids. Raises WrongUse when one took it meanwhile."""

    async def owners(self) -> list[tuple[Owner, datetime]]: ...
