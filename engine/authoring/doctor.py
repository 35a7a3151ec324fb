"""`nsps doctor`: is this installation fit to run this project, and what must be done first."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from engine.addresses import shown
from engine.catalog import Catalog
from engine.clock import SystemClock
from engine.errors import NoStore, NspsError
from engine.loading.load import Loaded, load_project
from engine.queues.examining import examine
from engine.storage.sqlite import file_of
from engine.storage.store import Store
from engine.terminal import several, state

MOST_ERRORS = 5

Standing = Literal["ok", "note", "must"]
WORDS = {"ok": state("ok", "  ok"), "note": state("retry", "note"), "must": state("failed", "MUST")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    standing: Standing
    what: str
    do: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the doctor found. `healthy`: nothing must be done before a start."""

    findings: tuple[Finding, ...] = field(default_factory=tuple)

    @property
    def healthy(self) -> bool:
        return not any(finding.standing == "must" for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        found = [{"standing": f.standing, "what": f.what, "do": f.do} for f in self.findings]
        return {"healthy": self.healthy, "findings": found}

    def lines(self) -> Iterator[str]:
        """For people: all that was looked at, and last what it comes to."""
        for finding in self.findings:
            yield f"{WORDS[finding.standing]}  {finding.what}" + (f"\n      {finding.do}" if finding.do else "")
        must = sum(finding.standing == "must" for finding in self.findings)
        yield ""
        if must:
            yield f"{state('failed', several(must, 'thing'))} must be done before nsps run starts"
        else:
            yield f"{state('ok', 'ready')}: nsps run"


async def doctor_report(project: Path, environ: Mapping[str, str]) -> Report:
    """Looks at Python, the files, the variables, the store, the disk and the systems' addresses. Changes nothing outside."""
    findings = [*_python(), *_variables(project, environ)]
    loaded = load_project(project, environ, placeholders=True)
    if loaded.catalog is None:
        return Report(findings=tuple(findings))
    findings += _parts(load_project(project, environ, placeholders=False))
    findings += await _store(project, loaded.catalog)
    findings += await _queue(loaded.catalog)
    findings += await _addresses(loaded.catalog)
    return Report(findings=tuple(findings))


def _python() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding(standing="ok", what=f"Python {version}, {several(os.cpu_count() or 1, 'processor')}")


def _variables(project: Path, environ: Mapping[str, str]) -> Iterator[Finding]:
    checked = load_project(project, environ, placeholders=True)
    errors = [p for p in checked.problems if p.severity == "error"]
    for problem in errors[:MOST_ERRORS]:
        yield Finding(standing="must", what=f"{problem.place}: {problem.message}", do=_first(problem.notes))
    if len(errors) > MOST_ERRORS:
        more = several(len(errors) - MOST_ERRORS, "more error")
        yield Finding(standing="must", what=f"{more} in the configuration", do="nsps validate shows all")
    if errors:
        return
    yield Finding(standing="ok", what=f"{several(checked.files, 'file')} without errors")
    for problem in load_project(project, environ, placeholders=False).problems:
        if problem.severity == "error":
            yield Finding(standing="must", what=f"{problem.message} ({problem.place})", do="; ".join(problem.notes))


def _first(notes: Sequence[str]) -> str:
    return notes[0] if notes else ""


def _parts(loaded: Loaded) -> Iterator[Finding]:
    if loaded.catalog is None:
        return
    receive = loaded.catalog.settings.receive
    for name, receiver in (("ESPF", receive.espf), ("NSPS", receive.nsps)):
        if receiver and receiver.off:
            yield Finding(standing="note", what=f"the {name} receiver is off: {receiver.off}")
        elif receiver:
            yield Finding(standing="ok", what=f"the {name} receiver listens at {receiver.path}")
    for name, pipeline in loaded.catalog.pipelines.items():
        if pipeline.off:
            yield Finding(standing="note", what=f"pipeline {name} is off: {pipeline.off}")
        else:
            yield Finding(standing="ok", what=f"pipeline {name} is on")
    if all(receiver is None or receiver.off for receiver in (receive.espf, receive.nsps)):
        yield Finding(standing="note", what="no receiver is on: nobody can send events", do="set what they need")
    if all(pipeline.off for pipeline in loaded.catalog.pipelines.values()):
        yield Finding(standing="note", what="no pipeline is on: events will be stored, none delivered")


async def _store(project: Path, catalog: Catalog) -> list[Finding]:
    url, instance = catalog.settings.store, catalog.settings.instance
    named = shown(url)
    try:
        store = await Store.open(url, project=project, clock=SystemClock(), instance=instance, create=False)
        await store.close()
    except NoStore as none:
        if none.hindrance:
            return [Finding(standing="must", what=f"the store {named} cannot be used: {none.hindrance}")]
        found = Finding(standing="ok", what=f"there is no store at {named} yet: the first start makes it")
    except NspsError as error:
        return [Finding(standing="must", what=f"the store {named} cannot be used: {error}")]
    else:
        found = Finding(standing="ok", what=f"the store {named} answers")
    return [found, *_disk(url, project)]


def _disk(url: str, project: Path) -> Iterator[Finding]:
    """How much room the file of the store has; a server's disk is its own."""
    path = file_of(url, project) if url.startswith("sqlite://") else None
    if path is None:
        return
    there = next(folder for folder in path.absolute().parents if folder.exists())
    free_bytes = shutil.disk_usage(there).free
    if free_bytes < 1024**3:
        what = f"only {free_bytes // 1024**2} MiB are free in {there}, where the store is"
        yield Finding(standing="note", what=what, do="a full disk answers every event with 503 until there is room")


async def _queue(catalog: Catalog) -> list[Finding]:
    if "<" in catalog.settings.queue:
        return []  # its variable is not set, which is said already
    found = await examine(catalog.settings.queue, catalog.settings.instance)
    return [Finding(standing=one.standing, what=one.what, do=one.do) for one in found]


async def _addresses(catalog: Catalog) -> list[Finding]:
    reached = {c.name: c.base_url for c in catalog.connectors.values() if c.base_url and not _placeholder(c.base_url)}
    return await asyncio.gather(*(_address(name, url) for name, url in sorted(reached.items())))


def _placeholder(url: str) -> bool:
    return "<" in url or not urlsplit(url).hostname or urlsplit(url).hostname.endswith(".invalid")  # type: ignore[union-attr]


async def _address(name: str, url: str) -> Finding:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        async with asyncio.timeout(3):
            _, writer = await asyncio.open_connection(parts.hostname, port)
            writer.close()
    except (OSError, TimeoutError) as error:
        what = f"connector {name}: {parts.hostname}:{port} cannot be reached: {_why(error)}"
        return Finding(standing="note", what=what, do="deliveries to it will wait and be retried")
    return Finding(standing="ok", what=f"connector {name}: {parts.hostname}:{port} accepts connections")


def _why(error: Exception) -> str:
    """asyncio's own words repeat the address, and several of them."""
    if isinstance(error, TimeoutError):
        return "no answer in 3 s"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    return str(getattr(error, "strerror", None) or error)
