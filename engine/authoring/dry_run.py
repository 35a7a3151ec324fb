"""`nsps dry-run`: one event through the real journey; nothing is changed anywhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.authoring.example_event import read_event
from engine.authoring.script import Script
from engine.catalog import Catalog
from engine.clock import SystemClock
from engine.command import print_json, print_lines
from engine.delivery import Ending, NotTaken, Routed, Work
from engine.errors import ConfigurationRefused, EventRefused, WrongUse
from engine.event import Event
from engine.exchange import Exchange
from engine.journey import journey
from engine.keep_memory import MemoryKeep
from engine.loading.load import load_project
from engine.loading.source import parse
from engine.loading.suggest import nearest
from engine.masking import Masker
from engine.receiving.strict_json import parse_object
from engine.request import Call, HttpRequest, Reply
from engine.route import route
from engine.story import tell
from engine.terminal import faint, state, strong
from engine.trace import decode, encode

WORDS = {"delivered": "would be delivered", "skipped": "would be skipped", "failed": "would fail",
         "retry": "would be tried again", "wait": "would wait"}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """What the command line asked for. `event` is a file, or `-` for standard input."""

    project: Path
    event: str
    replies: tuple[Path, ...] = ()
    live: bool = False
    pipeline: str | None = None
    full: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one pipeline would do with the event; `trace` is masked."""

    routed: Routed
    ending: Ending
    trace: Mapping[str, Any]
    missing: tuple[str, ...] = ()


async def dry_run_command(asked: DryRun, environ: Mapping[str, str], form: str) -> int:
    """Prints what would happen. Returns 1 when no pipeline takes the event or one would fail, else 0."""
    loaded = load_project(asked.project, environ, placeholders=True)
    if loaded.catalog is None:
        raise ConfigurationRefused(loaded.problems, loaded.texts)
    clock = SystemClock()
    try:
        event = read_event(_written(asked.event), clock.now())
    except EventRefused as refused:
        raise WrongUse(f"{_named(asked.event)}: {refused.reason}") from refused
    routing = route(event, loaded.catalog)
    chosen = _chosen(asked, loaded.catalog, routing.taken)
    replies = _replies(asked.replies, loaded.catalog)
    told = [await _walk(loaded.catalog, event, routed, asked, replies) for routed in chosen]
    if form == "json":
        print_json(_as_json(event, told, routing.not_taken))
    else:
        print_lines(_lines(event, told, routing.not_taken, asked.full))
    return int(not told or any(one.ending.kind == "failed" for one in told))


def _named(event: str) -> str:
    return "standard input" if event == "-" else event


def _written(event: str) -> Mapping[str, Any]:
    try:
        return parse_object(sys.stdin.buffer.read() if event == "-" else Path(event).read_bytes())
    except OSError as error:
        raise WrongUse(f"{event} cannot be read: {error.strerror}") from error


def _chosen(asked: DryRun, catalog: Catalog, taken: Sequence[Routed]) -> list[Routed]:
    if asked.pipeline is not None and asked.pipeline not in catalog.pipelines:
        near = nearest(asked.pipeline, catalog.pipelines)
        raise WrongUse(f"no pipeline {asked.pipeline!r} in this project" + (f"; did you mean {near}?" if near else ""))
    return [routed for routed in taken if asked.pipeline in (None, routed.pipeline)]


def _replies(files: Sequence[Path], catalog: Catalog) -> dict[str, list[Mapping[str, Any]]]:
    replies: dict[str, list[Mapping[str, Any]]] = {}
    for file in files:
        try:
            source = parse(file.read_bytes(), str(file))
        except OSError as error:
            raise WrongUse(f"{file} cannot be read: {error.strerror}") from error
        if source.root is None or source.problems:
            raise ConfigurationRefused(source.problems, {str(file): source.text})
        for name, entries in (source.root.plain() if source.root.kind == "map" else {}).items():
            connector, _, operation = str(name).partition(".")
            if connector not in catalog.connectors or operation not in catalog.connectors[connector].operations:
                raise WrongUse(f"{file}: no operation {name!r}; write CONNECTOR.OPERATION: [{{status: 200, body: …}}]")
            replies[name] = entries if isinstance(entries, list) else [entries]
    return replies


async def _walk(
    catalog: Catalog, event: Event, routed: Routed, asked: DryRun, replies: Mapping[str, Sequence[Mapping[str, Any]]]
) -> Told:
    clock = SystemClock()
    script, masker = Script(catalog, clock, replies), Masker(catalog.secrets)
    if routed.failed is not None:
        return Told(routed=routed, ending=Ending(kind="failed", reason=routed.failed, ours=True), trace={})
    carry = Live(script, catalog, replies) if asked.live else script
    exchange = Exchange(catalog, clock, masker, carry=carry.carry, cached=False, limited=False, live_tokens=asked.live)
    if isinstance(carry, Live):
        carry.over_wire = exchange.over_wire
    work = Work(
        delivery_id=0, event=event, pipeline=catalog.pipelines[routed.pipeline], catalog=catalog,
        attempt=1, now=clock.now(), seed=f"dry-run {event.id}",
    )  # fmt: skip
    try:
        ending = await journey(work, exchange.send, MemoryKeep(0, clock.now))
    finally:
        await exchange.close()
    trace = decode(encode(ending.trace, ending, masker))
    return Told(routed=routed, ending=ending, trace=trace, missing=tuple(dict.fromkeys(script.missing)))


class Live:
    """Carries calls that change nothing, and the logins they need, for real; the others are scripted."""

    over_wire: Any = None

    def __init__(self, script: Script, catalog: Catalog, scripted: Mapping[str, Any]) -> None:
        self._script = script
        self._catalog = catalog
        self._scripted = scripted

    async def carry(self, call: Call, request: HttpRequest) -> Reply:
        """The real reply of a read-only call or login that has no reply of its own; else the script's."""
        name = f"{call.connector}.{call.operation}"
        harmless = call.read_only or call.operation in self._catalog.logins(call.connector)
        if harmless and name not in self._scripted:
            reply: Reply = await self.over_wire(call, request)
            return reply
        return await self._script.carry(call, request)


def _lines(event: Event, told: Sequence[Told], not_taken: Sequence[NotTaken], full: bool) -> Iterator[str]:
    yield f"{strong('event')} {event.event_type}, i_env {event.i_env or '-'}, i_event {event.i_event or '-'}"
    for one in told:
        yield ""
        reason = f": {one.ending.reason}" if one.ending.reason else ""
        word = state(_state(one.ending), WORDS[one.ending.kind])
        yield f"{strong('pipeline')} {strong(one.routed.pipeline)}: {word}{reason}"
        yield faint(f"  lane {one.routed.lane} ({one.routed.mode})") if one.routed.lane else faint("  in no lane")
        for name in one.missing:
            yield f"  {state('retry', 'note')}: {name} has no example and no --reply; it was answered as not reachable"
        yield from tell(one.trace, full=full)
    if not_taken:
        yield ""
    for other in not_taken:
        yield f"{faint('not taken')} {other.pipeline}: {other.reason}"
    if not told:
        yield f"{state('failed', 'no pipeline takes this event')}"


def _state(ending: Ending) -> str:
    return {"retry": "retrying", "wait": "waiting"}.get(ending.kind, ending.kind)


def _as_json(event: Event, told: Sequence[Told], not_taken: Sequence[NotTaken]) -> dict[str, Any]:
    return {
        "event": {
            "event_type": event.event_type,
            "i_env": event.i_env,
            "i_event": event.i_event,
            "source": event.source,
        },
        "pipelines": [
            {
                "pipeline": one.routed.pipeline,
                "lane": one.routed.lane,
                "ending": one.ending.kind,
                "reason": one.ending.reason,
                "trace": one.trace,
                "without_reply": list(one.missing),
            }
            for one in told
        ],
        "not_taken": [{"pipeline": other.pipeline, "reason": other.reason} for other in not_taken],
    }
