"""`nsps pause`, `resume`, `status`: maintenance, and how things stand."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

from engine.catalog import Catalog
from engine.clock import Clock
from engine.errors import WrongUse
from engine.loading.suggest import nearest
from engine.management.shut import window_lines, windows_now
from engine.management.todo import resume_command, spoken, todo_lines, troubles
from engine.management.waits import waits_now
from engine.storage.protocol import Control, History, Hold, Owner
from engine.terminal import faint, instant, state, strong, table
from engine.working.holds import scopes_of

STATES = ("waiting", "running", "delivered", "skipped", "superseded", "failed")


def scope_of(names: Mapping[str, Collection[str]], pipeline: str | None, connector: str | None) -> str:
    """`all`, `pipeline:NAME` or `connector:NAME`. Raises WrongUse for a name that is not among those of its kind."""
    if pipeline and connector:
        raise WrongUse("name a pipeline or a connector, not both")
    for kind, name in (("pipeline", pipeline), ("connector", connector)):
        known = names[kind]
        if name and name not in known:
            near = nearest(name, known)
            hint = f"; did you mean {near}?" if near else f"; there are {', '.join(sorted(known)) or 'none'}"
            raise WrongUse(f"no {kind} {name!r} in this project{hint}")
        if name:
            return f"{kind}:{name}"
    return "all"


async def pause(control: Control, scope: str, by: str, reason: str, at: datetime) -> str:
    """Holds back deliveries of the scope; what arrives meanwhile is stored. Returns what to tell."""
    await control.set_hold(Hold(scope=scope, kind="paused", by=by, reason=reason, at=at))
    return (
        f"paused {spoken(scope)}: events are taken and stored, nothing of it is sent. To go on: {resume_command(scope)}"
    )


async def resume(control: Control, scope: str, catalog: Catalog, now: datetime) -> str:
    """Lets the scope go on, a refused login too. Returns what to tell: also what a window keeps still."""
    if await control.lift(scope, now):
        told = windows_now(catalog, now)
        kept = {name: one for name, one in told.items() if one["until"] and name in _called(catalog, scope)}
        shut = "".join(f"\nnot called yet {line}" for line in window_lines(kept))
        return f"resumed {spoken(scope)}: what waited is sent in order{shut}"
    paused = [hold.scope for hold in await control.holds()]
    others = "".join(f"\n{spoken(one)} is: {resume_command(one)}" for one in paused)
    return f"{spoken(scope)} was not paused{others}"


async def standing(store: Any, catalog: Catalog, clock: Clock) -> dict[str, Any]:
    """How things stand, as JSON values: counts, holds, processes, pipelines that are off or keep deliveries waiting.

    `configuration`: the hash of the folder's."""
    now = clock.now()
    counts = dict(await _history(store).counts())
    waits = await waits_now(store, catalog, clock)
    holds = await store.holds()
    owners = await _history(store).owners()
    return {
        **counts,
        "oldest_due_at": await _history(store).due_longest(waits.holds.claimable),
        "holds": [{"scope": h.scope, "kind": h.kind, "by": h.by, "reason": h.reason, "at": h.at} for h in holds],
        "processes": [_process(owner, beat_at, now) for owner, beat_at in owners],
        "held_back": waits.by_pipeline(counts["deliveries"]),
        "troubles": await troubles(_history(store)),
        "off": {name: p.off for name, p in catalog.pipelines.items() if p.off},
        "windows": windows_now(catalog, now),
        "configuration": catalog.hash,
    }


def _called(catalog: Catalog, scope: str) -> set[str]:
    """The connectors whose windows may keep deliveries of this scope."""
    kind, _, name = scope.partition(":")
    if kind == "all":
        return set(catalog.connectors)
    if kind == "connector":
        return {name}
    pipeline = catalog.pipelines.get(name)
    return {one.partition(":")[2] for one in scopes_of(pipeline) if one.startswith("connector:")} if pipeline else set()


def _history(store: Any) -> History:
    found: History = store
    return found


def _process(owner: Owner, beat_at: datetime, now: datetime) -> dict[str, Any]:
    silent_s = (now - beat_at).total_seconds()
    return {
        "id": owner.id, "host": owner.host, "pid": owner.pid, "started_at": owner.started_at,
        "beat_at": beat_at, "alive": silent_s < 10, "configuration": owner.config_hash,
        "refused": owner.refused,
    }  # fmt: skip


def standing_lines(told: Mapping[str, Any], now: datetime) -> Iterator[str]:
    """The same for people, what needs doing first."""
    doing = list(todo_lines(told, now))
    yield from doing or [f"{state('ok', 'all is well')}: nothing needs doing"]
    yield ""
    rows = [[name, *(str(counts.get(s, 0)) for s in STATES)] for name, counts in told["deliveries"].items()]
    if rows:
        yield from table(("PIPELINE", *(s.upper() for s in STATES)), rows)
    counted = (("event", "events"), ("repeat", "repeats"), ("refused", "refused"))
    yield "in all " + ", ".join(f"{told[many]} {one if told[many] == 1 else many}" for one, many in counted)
    yield ""
    for line in window_lines(told["windows"]):
        yield f"not called {line}"
    yield from _process_lines(told)
    own = told["configuration"]
    yield faint(f"this folder: configuration {own[:12]}" if own else "this folder: its configuration is refused")


def _process_lines(told: Mapping[str, Any]) -> Iterator[str]:
    for process in told["processes"]:
        word = state("ok", "alive") if process["alive"] else state("failed", "silent")
        differs = told["configuration"] not in (None, process["configuration"])
        note = state("retry", "  other configuration than this folder") if differs else ""
        where = f"{strong(process['host'])} pid {process['pid']}"
        yield f"{word} {where}, since {instant(process['started_at'])}, configuration {process['configuration'][:12]}{note}"
