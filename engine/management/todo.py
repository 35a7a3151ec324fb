"""What needs doing, most urgent first: the beginning of `nsps status`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from engine.storage.protocol import EventFilter, EventRow, History
from engine.terminal import instant, lasting, state

LOOKED_AT = 200  # of the newest failed and of the newest waiting events; more are told as "at least"
CAUSES = 5
LATE_S = 60.0

Json = Mapping[str, Any]


async def troubles(history: History) -> dict[str, Any]:
    """{failed, retrying}: each {at_least, causes: [{pipeline, reason, number}]}, of what failed and was not sent again since,
    and of what is being tried again."""
    failed = await history.events(EventFilter(state="failed", limit=LOOKED_AT))
    waiting = await history.events(EventFilter(state="waiting", limit=LOOKED_AT))
    return {
        "failed": _causes(failed, lambda row: row.state == "failed"),
        "retrying": _causes(waiting, lambda row: row.state == "waiting" and row.attempts > 0),
    }


def _causes(events: Sequence[EventRow], wanted: Any) -> dict[str, Any]:
    rows = [row for event in events for row in event.latest() if wanted(row)]
    counted = Counter((row.pipeline, row.reason) for row in rows)
    causes = [{"pipeline": name, "reason": why, "number": n} for (name, why), n in counted.most_common()]
    return {"at_least": len(events) == LOOKED_AT, "causes": causes}


def todo_lines(told: Json, now: datetime) -> Iterator[str]:
    """A line for each thing somebody should do or know, with the command for it; none when all is well."""
    if told["configuration"] is None:
        yield f"{state('failed', 'refused')} is what this folder holds now: no process can start with it  (nsps validate)"
    yield from _processes(told["processes"], now)
    for hold in told["holds"]:
        what = f"{state(hold['kind'])} {spoken(hold['scope'])} since {instant(hold['at'])} by {hold['by']}"
        yield what + (f": {hold['reason']}" if hold["reason"] else "") + f"  ({resume_command(hold['scope'])})"
    for held in told["held_back"].values():
        yield f"{state('waiting', _deliveries(held['waiting']))}: {held['why']}"
    yield from _caused(told["troubles"]["failed"], "failed", "nsps events --state failed; nsps replay --state failed")
    yield from _caused(told["troubles"]["retrying"], "retrying", "nsps events --state waiting")
    yield from _late(told, now)
    if told["refused_kept"]:
        yield f"{state('refused', str(told['refused_kept']) + ' refused')} and kept  (nsps refused)"
    if told["unrouted"]:
        number = told["unrouted"]
        yield f"{state('unrouted', f'{number} unrouted')}: no pipeline took {_it(number)}  (nsps events --state unrouted)"
    for name, why in told["off"].items():
        yield f"{state('held', 'off')} pipeline {name}: {why}"


def _processes(processes: Sequence[Json], now: datetime) -> Iterator[str]:
    alive = any(process["alive"] for process in processes)
    if not alive:
        yield f"{state('failed', 'nothing runs')}: no process works on this store. To start one: nsps run"
    for process in processes:
        where = f"{process['host']} pid {process['pid']}"
        if not process["alive"]:
            since = lasting((now - process["beat_at"]).total_seconds())
            taken = ": others take over what it worked on" if alive else ""
            yield f"{state('failed', 'silent')} {where} for {since}{taken}"
        if process["refused"]:
            yield f"{state('failed', 'refuses')} what its folder holds now: {process['refused']}  ({where})"


def _caused(found: Json, word: str, command: str) -> Iterator[str]:
    for cause in found["causes"][:CAUSES]:
        number = f"{cause['number']} {word}"
        why = f": {cause['reason']}" if cause["reason"] else ""
        yield f"{state(word, number)} in pipeline {cause['pipeline']}{why}  ({command})"
    left = sum(cause["number"] for cause in found["causes"][CAUSES:])
    if left:
        yield f"{state(word, f'{left} more {word}')}, for other reasons"
    if found["at_least"] and found["causes"]:
        yield f"{state(word, word)}: of {LOOKED_AT} events; there may be older ones"


def _late(told: Json, now: datetime) -> Iterator[str]:
    due = told.get("oldest_due_at")
    if due is None:
        return
    late_s = (now - due).total_seconds()
    if late_s > LATE_S:
        yield f"{state('waiting', 'late')}: the delivery that is due longest has waited for {lasting(late_s)}"


def _deliveries(number: int) -> str:
    return f"{number} deliver{'y waits' if number == 1 else 'ies wait'}"


def _it(number: int) -> str:
    return "it" if number == 1 else "them"


def spoken(scope: str) -> str:
    """A scope in words."""
    return "everything" if scope == "all" else scope.replace(":", " ")


def resume_command(scope: str) -> str:
    """What to type to lift a hold."""
    kind, _, name = scope.partition(":")
    return "nsps resume" if scope == "all" else f"nsps resume --{kind} {name}"
