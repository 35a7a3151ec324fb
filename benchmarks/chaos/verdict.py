"""The verdict of a scenario: ids compared, invariants held or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from benchmarks.chaos.espf import Sender
from benchmarks.chaos.ledger import BegunAgain, Effects, Rows

SHOWN = 5
RECOVERS_WITHIN_S = 15.0


@dataclass(slots=True)
class Found:
    """A scenario's numbers. It passed when `problems` is empty."""

    sent: int = 0
    accepted: int = 0
    kills: int = 0
    lost: int = 0
    allowed: int = 0
    duplicates: int = 0
    recovery_s: float | None = None
    slowest_s: float = 0.0
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def must(self, holds: bool, otherwise: str) -> None:
        """Notes a problem unless it holds."""
        if not holds:
            self.problems.append(otherwise)


@dataclass(frozen=True, slots=True)
class Attack:
    """What was done. `faults`: when, in seconds since 1970. `allowed`: how many duplicates it explains.

    `ends`: the states in which deliveries may be found at the end. `ordered`: the ids of a lane must not go backwards.
    `recovers`: what must move again after a fault: anything; something that a killed process held; all that waited then.
    `within_s`: how soon.
    """

    kills: int = 0
    faults: Sequence[float] = ()
    allowed: int = 0
    ends: frozenset[str] = frozenset({"delivered"})
    ordered: bool = True
    recovers: Literal["anything", "held", "waiting"] = "anything"
    within_s: float = RECOVERS_WITHIN_S
    killed: Mapping[int, float] = field(default_factory=dict)  # when, by process id, where several run


def judge(attack: Attack, sender: Sender, effects: Effects, rows: Rows) -> Found:
    """Checks I1 to I5 of the catalogue: nothing lost, duplicates explained, the books balanced, order kept."""
    found = Found(sent=len(sender.sent), accepted=len(sender.accepted), kills=attack.kills, allowed=attack.allowed)
    _nothing_lost(found, attack, sender, effects, rows)
    _duplicates_explained(found, effects)
    _books_balance(found, sender, rows)
    if attack.ordered:
        _order_kept(found, effects)
    _recovered_in_time(found, attack, sender, effects, rows)
    waits = [effects.first_at[id_] - at for id_, at in sender.accepted.items() if id_ in effects.first_at]
    found.slowest_s = max(waits, default=0.0)
    return found


def _nothing_lost(found: Found, attack: Attack, sender: Sender, effects: Effects, rows: Rows) -> None:
    gone = sorted(id_ for id_ in sender.accepted if id_ not in rows.states)
    mute = sorted(
        id_ for id_, states in rows.states.items() if "delivered" in states and not effects.times[id_]
    )  # said to be delivered, and nobody saw it
    found.lost = len(gone) + len(mute)
    found.must(not gone, f"answered 200 and not in the store: {some(gone)}")
    found.must(not mute, f"delivered by the store, never seen by the target: {some(mute)}")
    elsewhere = sorted(id_ for id_, states in rows.states.items() if not set(states) <= attack.ends)
    ends = ", ".join(sorted(attack.ends))
    shown = [f"{id_} {rows.states[id_]} {rows.reasons[id_]}" for id_ in elsewhere[:SHOWN]]
    found.must(not elsewhere, f"{len(elsewhere)} deliveries did not end {ends}: {'; '.join(shown)}")
    found.must(not sender.dropped, f"refused with a 4xx, which PortaBilling drops for good: {some(sender.dropped)}")


def _duplicates_explained(found: Found, effects: Effects) -> None:
    found.duplicates = effects.duplicates
    twice = sorted(id_ for id_, times in effects.times.items() if times > 1)
    found.must(
        found.duplicates <= found.allowed,
        f"{found.duplicates} duplicates, {found.allowed} explained by kills: {some(twice)}",
    )
    other = sorted(id_ for id_ in effects.keys if len(effects.keys[id_]) > 1)
    found.must(not other, f"repeated under another idempotency key: {some(other)}")


def _books_balance(found: Found, sender: Sender, rows: Rows) -> None:
    strange = sorted(set(rows.stored) - sender.sent)
    found.must(not strange, f"in the store, never sent: {some(strange)}")
    more = sorted(id_ for id_, number in rows.stored.items() if number > 1)
    found.must(not more, f"stored more than once: {some(more)}")
    unrouted = sorted(id_ for id_ in rows.stored if len(rows.states[id_]) != 1)
    found.must(not unrouted, f"not exactly one delivery: {some(unrouted)}")
    ended = {key: number for key, number in rows.by_pipeline.items() if key[1] not in ("waiting", "running")}
    counted = {key: rows.counted.get(key, 0) for key in ended}
    found.must(ended == counted, f"rows say {ended}, counters {counted}")


def _order_kept(found: Found, effects: Effects) -> None:
    wrong = [lane for lane, ids in effects.lanes.items() if ids != sorted(ids)]
    shown = [f"{lane}: {effects.lanes[lane][:20]}" for lane in wrong[:SHOWN]]
    found.must(not wrong, f"{len(wrong)} lanes out of order: {'; '.join(shown)}")


def _recovered_in_time(found: Found, attack: Attack, sender: Sender, effects: Effects, rows: Rows) -> None:
    if attack.recovers == "held":
        times = [_held_moved(rows, attack, fault) or _moved(effects, fault) for fault in attack.faults]
    elif attack.recovers == "waiting":
        times = [_all_moved(sender, effects, fault) for fault in attack.faults]
    else:
        times = [_moved(effects, fault) for fault in attack.faults]
    found.recovery_s = max(times, default=None)
    if found.recovery_s is not None:
        found.must(
            found.recovery_s <= attack.within_s, f"it took {found.recovery_s:.1f} s until its events moved again"
        )


def _moved(effects: Effects, fault: float) -> float:
    """Seconds from a fault to the first effect after it; infinite when there was none."""
    return min((at - fault for at in effects.at if at > fault), default=float("inf"))


def _held_moved(rows: Rows, attack: Attack, fault: float) -> float | None:
    """Seconds until something the killed process had in flight was begun again; None when it had nothing."""
    nexts = [one.again - fault for one in rows.begun_again if fault == _fault_of(one, attack) and one.again >= fault]
    return min(nexts, default=None)


def _fault_of(one: BegunAgain, attack: Attack) -> float | None:
    """Which fault ended it: the kill of its process, or the first after it began."""
    if attack.killed:
        return attack.killed.get(one.pid)
    return min((fault for fault in attack.faults if fault >= one.began), default=None)


def _all_moved(sender: Sender, effects: Effects, fault: float) -> float:
    """Seconds until all that was accepted and without effect at the fault took effect."""
    waited = [id_ for id_, at in sender.accepted.items() if at < fault <= effects.first_at.get(id_, float("inf"))]
    return max((effects.first_at.get(id_, float("inf")) - fault for id_ in waited), default=0.0)


def some(ids: Sequence[str] | set[str]) -> str:
    """How many, and the first few."""
    first = sorted(ids)[:SHOWN]
    return f"{len(ids)} ({', '.join(first)}{', …' if len(ids) > SHOWN else ''})"
