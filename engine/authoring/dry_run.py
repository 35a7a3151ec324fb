"""`nsps dry-run`: one event through the real journey; nothing is changed anywhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.authoring.example_event import read_event
from engine.authoring.script import Script, reply_fault
from engine.catalog import Catalog
from engine.clock import SystemClock
from engine.command import print_json, print_lines, run_async
from engine.delivery import Ending, NotTaken, Routed, Work
from engine.errors import ConfigurationRefused, EventRefused, WrongUse
from engine.event import Event
from engine.exchange import Exchange
from engine.journey import journey
from engine.keep_memory import MemoryKeep
from engine.loading.espf_events import written_otherwise
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


def dry_run_command(asked: DryRun, environ: Mapping[str, str], form: str) -> int:
    """Prints what would happen. Returns 1 when no pipeline takes the event or one would fail, else 0."""
    loaded = load_project(asked.project, environ, placeholders=True)
    if loaded.catalog is None:
        raise ConfigurationRefused(loaded.problems, loaded.texts)
    clock = SystemClock()
    try:  # before the loop runs: while that waits for standard input, it would not hear Ctrl-C
        event = read_event(_written(asked.event), clock.now())
    except EventRefused as refused:
        raise WrongUse(f"{_named(asked.event)}: {refused.reason}") from refused
    routing = route(event, loaded.catalog)
    told = run_async(_walk_all(loaded.catalog, event, _chosen(asked, loaded.catalog, routing.taken), asked))
    if form == "json":
        print_json(_as_json(event, told, routing.not_taken))
    else:
        print_lines(_lines(event, told, routing.not_taken, asked.full))
        print_lines(
            f"{state('retry', 'note')}: {note}" for note in written_otherwise(event.event_type, _types(loaded.catalog))
        )
    return int(not told or any(one.ending.kind == "failed" for one in told))


def _types(catalog: Catalog) -> Iterator[str]:
    return (event_type for pipeline in catalog.pipelines.values() for event_type in pipeline.events)


async def _walk_all(catalog: Catalog, event: Event, chosen: Sequence[Routed], asked: DryRun) -> list[Told]:
    replies = _replies(asked.replies, catalog)
    return [await _walk(catalog, event, routed, asked, replies) for routed in chosen]


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
        replies.update(_scripted(source.root.plain(), file, catalog))
    return replies


def _scripted(plain: Any, file: Path, catalog: Catalog) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    form = "write CONNECTOR.OPERATION: [{status: 200, body: …}]"
    if not isinstance(plain, Mapping):
        raise WrongUse(f"{file}: {form}")
    known = [f"{one.name}.{operation}" for one in catalog.connectors.values() for operation in one.operations]
    for name, entries in plain.items():
        if name not in known:
            near = nearest(str(name), known)
            raise WrongUse(f"{file}: no operation {name!r}; " + (f"did you mean {near}?" if near else form))
        listed = entries if isinstance(entries, list) else [entries]
        for entry in listed:
            if wrong := reply_fault(entry):
                raise WrongUse(f"{file}: a reply of {name}: {wrong}; {form}")
        yield name, listed


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
    if isinstance(carry, Live):
        _refuse_placeholders(carry.unset)
    trace = decode(encode(ending.trace, ending, masker))
    return Told(routed=routed, ending=ending, trace=trace, missing=tuple(dict.fromkeys(script.missing)))


def _refuse_placeholders(unset: Mapping[str, Sequence[str]]) -> None:
    for connector, names in unset.items():
        raise WrongUse(
            f"--live calls {connector}, but {' and '.join(names)} {'is' if len(names) == 1 else 'are'} not set; "
            f"set {'it' if len(names) == 1 else 'them'}, or give its replies with --reply"
        )


class Live:
    """Carries calls that change nothing, and the logins they need, for real; the others are scripted."""

    over_wire: Any = None

    def __init__(self, script: Script, catalog: Catalog, scripted: Mapping[str, Any]) -> None:
        self.unset: dict[str, tuple[str, ...]] = {}
        self._script = script
        self._catalog = catalog
        self._scripted = scripted

    async def carry(self, call: Call, request: HttpRequest) -> Reply:
        """The real reply of a read-only call or login that has no reply of its own; else the script's."""
        name = f"{call.connector}.{call.operation}"
        harmless = call.read_only or call.operation in self._catalog.logins(call.connector)
        if harmless and name not in self._scripted:
            if unset := self._catalog.connectors[call.connector].unset:
                # A placeholder must not reach a real system, least of all as a password.
                self.unset[call.connector] = unset
                return Reply(error="connect", detail=f"{', '.join(unset)} not set", asked_at=self._script.clock.now())
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
