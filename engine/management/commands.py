"""What `nsps events`, `show`, `why`, `replay`, `pause`, … do: open the desk, ask, print."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace as with_changes
from pathlib import Path
from typing import Any

from engine.command import parse_since, print_json, print_lines
from engine.errors import WrongUse
from engine.management import control, history
from engine.management import why as why_module
from engine.management.desk import Desk, open_desk, readable_of, who
from engine.management.refused import admit_refusal, refused_json, refused_lines
from engine.management.replay import Replay
from engine.management.replay import replay as replay_now
from engine.management.replay_many import replay_many as replay_many_now
from engine.management.standing_in import refusal, without_contents
from engine.management.waits import waits_now
from engine.storage.protocol import EventFilter, EventRow
from engine.terminal import say, state

Environ = Mapping[str, str]
Names = tuple[str | None, str | None]


async def events(project: Path, environ: Environ, wanted: EventFilter, since: str | None, form: str) -> None:
    """Prints one page of events."""
    async with open_desk(project, environ) as desk:
        wanted = with_changes(wanted, since=parse_since(since, desk.now()))
        rows = await history.event_list(desk.store, wanted)
        waits = await waits_now(desk.store, desk.catalog, desk.clock)
        secrets = await desk.secrets_in(*rows)
        if form == "json":
            print_json(desk.shown([_as_shown(desk, history.event_json(row, waits)) for row in rows], secrets))
        else:
            unknown = () if rows else history.unknown_names(wanted, desk.catalog)
            print_lines(desk.lines([*history.list_lines(rows, wanted, waits), *unknown], secrets))


async def show(project: Path, environ: Environ, asked: str, full: bool, form: str) -> None:
    """Prints one event's story."""
    async with open_desk(project, environ) as desk:
        event = await _event(desk, asked)
        waits = await waits_now(desk.store, desk.catalog, desk.clock)
        told = _as_shown(desk, await history.event_story(desk.store, event, waits))
        secrets = await desk.secrets_in(event)
        if form == "json":
            print_json(desk.shown(told, secrets))
        else:
            print_lines(desk.lines(history.story_lines(event, told, waits, full=full and not desk.hides), secrets))


async def why(project: Path, environ: Environ, asked: str, form: str) -> None:
    """Prints why each pipeline takes an event or not, by the configuration of this folder."""
    async with open_desk(project, environ, "nsps why answers by the files of this folder") as desk:
        event = await _event(desk, asked)
        stored = await desk.store.stored_event(event.id)
        entries = why_module.reasons(stored, desk.catalog) if stored else []
        secrets = await desk.secrets_in(event)
        if form == "json":
            print_json(desk.shown(entries, secrets))
        else:
            print_lines(desk.lines(why_module.reason_lines(event.event_type, entries), secrets))


async def replay(project: Path, environ: Environ, asked: Replay) -> None:
    """Makes the new deliveries and says which."""
    async with open_desk(project, environ, "nsps replay sends by the files of this folder") as desk:
        print_lines(await replay_now(desk.store, desk.catalog, asked, desk.now()))


async def replay_many(project: Path, environ: Environ, wanted: EventFilter, since: str | None, asked: Replay) -> None:
    """Makes new deliveries for all that failed, or that no pipeline took, and says which as they are made."""
    async with open_desk(project, environ, "nsps replay sends by the files of this folder") as desk:
        wanted = with_changes(wanted, since=parse_since(since, desk.now()))
        async for line in replay_many_now(desk.store, desk.catalog, wanted, asked, desk.now):
            say(line)


async def pause(project: Path, environ: Environ, names: Names, reason: str) -> None:
    """Pauses everything, a pipeline or a connector."""
    async with open_desk(project, environ) as desk:
        scope = control.scope_of(desk.names, *names)
        say(await control.pause(desk.store, scope, who(), reason, desk.now()))


async def resume(project: Path, environ: Environ, names: Names) -> None:
    """Lifts a pause, or the hold of a connector whose login was refused."""
    async with open_desk(project, environ) as desk:
        scope = control.scope_of(desk.names, *names)
        say(await control.resume(desk.store, scope, desk.catalog, desk.now()))


async def status(project: Path, environ: Environ, form: str) -> None:
    """Prints how things stand."""
    async with open_desk(project, environ) as desk:
        told = await control.standing(desk.store, desk.catalog, desk.clock)
        if desk.instead is not None:
            told["configuration"] = None
        if form == "json":
            print_json(desk.shown(told))
        else:
            print_lines(desk.lines(control.standing_lines(told, desk.now())))


async def refused(project: Path, environ: Environ, limit: int, form: str) -> None:
    """Prints what was refused and kept."""
    async with open_desk(project, environ) as desk:
        kept = await desk.store.refusals(limit)
        if form == "json":
            shown = [refused_json(refusal) for refusal in kept]
            print_json(desk.shown([{**one, "body": None} for one in shown] if desk.hides else shown))
        else:
            print_lines(desk.lines(refused_lines(kept, (await desk.store.counts())["refused"])))


async def admit(project: Path, environ: Environ, refusal_id: int) -> None:
    """Takes a refused body in."""
    async with open_desk(project, environ, "nsps refused admit routes by the files of this folder") as desk:
        say(await admit_refusal(desk, refusal_id))


async def audit(project: Path, environ: Environ, since: str | None, form: str) -> int:
    """The ledger; 1 when it has a gap."""
    from engine.management.audit import audit as audit_store

    async with open_desk(project, environ) as desk:
        found = await audit_store(desk.store, parse_since(since, desk.now()))
    print_json(found.as_json()) if form == "json" else print_lines(found.lines())
    return int(bool(found.gaps))


async def migrate(project: Path, environ: Environ) -> None:
    """Brings the store's schema to this version."""
    from engine.loading.load import load_project
    from engine.storage.store import migrate as migrate_store

    loaded = load_project(project, environ, placeholders=True)
    settings = readable_of(loaded).settings
    if loaded.catalog is None:
        say(f"{state('failed', 'nsps')}: {refusal(loaded)}", error=True)
    version = await migrate_store(settings.store, project=project, instance=settings.instance)
    say(f"the store's schema is version {version}, the one this version works with")


def _as_shown(desk: Desk, event: dict[str, Any]) -> dict[str, Any]:
    return without_contents(event) if desk.hides else event


async def _event(desk: Desk, asked: str) -> EventRow:
    found = await desk.store.event(asked)
    if found is None:
        raise WrongUse(f"no event or delivery {asked!r} in this store; nsps events lists what is")
    return found
