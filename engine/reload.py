"""Another configuration without a restart: looked for, checked as a start checks it, taken whole or not at all.

What is under way ends with the configuration it began with. Connectors that are the same keep their sessions, caches and
connections. A configuration that is refused changes nothing: the one before runs on, and `nsps status` says why.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any

import structlog

from engine.catalog import Catalog
from engine.changes import changes, needs_restart
from engine.errors import StoreUnavailable
from engine.loading.load import Loaded, load_project
from engine.problem import Problem
from engine.process import Process
from engine.watching import Seen, look, secret_files, still_as_loaded
from engine.worked_out import forget_all
from engine.working.generation import Generation

EVERY_S = 1.0
STORE_AGAIN_S = 1.0

log = structlog.get_logger("nsps.reload")


class Reload:
    """Watches a process's project. `settle` is called when nothing of a replaced configuration is left."""

    def __init__(self, parts: Process, environ: Mapping[str, str], settle: Callable[[], None] = lambda: None) -> None:
        self._parts = parts
        self._environ = environ
        self._settle = settle
        self._secrets = secret_files(parts.catalog.files, environ, parts.catalog)
        self._taken = self._look() if still_as_loaded(parts.catalog) else {}
        self._asked = asyncio.Event()
        self._refused = ""
        self._retiring: set[asyncio.Task[None]] = set()

    def ask(self) -> None:
        """Looks at once, whether or not a file seems changed (SIGHUP)."""
        self._asked.set()

    async def run(self) -> None:
        """Reloads whenever files changed and then stayed the same from one look to the next; until cancelled."""
        before = self._taken
        while True:
            asked = await self._asked_within(EVERY_S)
            seen = await asyncio.to_thread(self._look)
            if asked or (seen != self._taken and seen == before):
                await self.now()
            before = seen

    async def now(self) -> bool:
        """Reads, checks and takes what the folder holds. True when it runs from now on; all else is logged."""
        before = await asyncio.to_thread(self._look)
        try:
            loaded = await asyncio.to_thread(self._load)
        except OSError as error:
            log.warning("the configuration cannot be read now; it is tried again", why=str(error))
            return False
        self._secrets = secret_files(loaded.texts, self._environ, loaded.catalog or self._parts.catalog)
        seen = await asyncio.to_thread(self._look)
        if any(seen.get(path) != stand for path, stand in before.items()):
            return False  # somebody is still writing: the next look finds it
        self._taken = seen
        why = _refusal(loaded, self._parts.catalog)
        if loaded.catalog is None or why:
            return await self._refuse(why)
        return await self._take(loaded.catalog)

    def _look(self) -> Seen:
        return look(self._parts.catalog.project, self._secrets)

    def _load(self) -> Loaded:
        return load_project(self._parts.catalog.project, self._environ, placeholders=False)

    async def _asked_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._asked.wait(), seconds)
        except TimeoutError:
            return False
        self._asked.clear()
        return True

    async def _refuse(self, why: str) -> bool:
        log.error("the changed configuration is refused; the one before runs on", why=why, runs=self._hash)
        self._refused = why
        await self._tell()
        return False

    async def _take(self, catalog: Catalog) -> bool:
        told = changes(self._parts.catalog, catalog)
        if not told:
            log.info("the configuration is the one that runs already", hash=self._hash)
        if not told and not self._refused:
            return False
        self._refused = ""
        if told:
            await self._swap(catalog, told)
        await self._tell()
        return bool(told)

    async def _swap(self, catalog: Catalog, told: Mapping[str, str]) -> None:
        """The snapshot comes first: no attempt names a configuration that nobody can look up."""
        parts = self._parts
        await _until_stored(lambda: parts.store.snapshot(catalog.hash, catalog.files, parts.clock.now()))
        old, before = parts.generations[-1], self._hash
        known = set(parts.holds.known)
        parts.use(parts.succeed(catalog))
        log.info("runs another configuration from now on", old=before, new=self._hash, **told)
        self._retire(old)
        await _until_stored(lambda: self._release(known))

    async def _release(self, known: set[str]) -> None:
        """What waited for a pipeline that is back, or for other credentials, is looked at now."""
        parts = self._parts
        for scope in await parts.holds.lift_outdated():
            log.info("lifted a hold: its connector has other settings now", scope=scope)
        await parts.holds.refresh()
        await parts.store.wake(sorted(set(parts.holds.known) - known), parts.clock.now())

    def _retire(self, old: Generation) -> None:
        task = asyncio.create_task(self._retired(old), name="retire")
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    async def _retired(self, old: Generation) -> None:
        await self._parts.retire(old)
        forget_all()
        self._settle()

    async def _tell(self) -> None:
        """`nsps status` shows it at once, not at the next beat."""
        self._parts.heartbeat.runs(self._parts.catalog.hash, self._refused)
        with suppress(StoreUnavailable):  # the next beat tells it
            await self._parts.heartbeat.beat()

    @property
    def _hash(self) -> str:
        return self._parts.catalog.hash[:12]


async def _until_stored(write: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    """Returns when the store took it, whenever that is."""
    while True:
        try:
            await write()
        except StoreUnavailable as error:
            log.warning("the store is away; the other configuration waits for it", why=str(error))
            await asyncio.sleep(STORE_AGAIN_S)
        else:
            return


def _refusal(loaded: Loaded, running: Catalog) -> str:
    """Why it cannot be taken, in words; empty when it can."""
    if loaded.catalog is None:
        errors = [problem for problem in loaded.problems if problem.severity == "error"]
        return f"{_words(errors[0])}{_more(len(errors) - 1)}" if errors else "it cannot be read"
    if any(one.off is None for one in running.pipelines.values()) and not loaded.catalog.pipelines:
        return (
            "it has no pipeline any more, so that every event would be taken by nobody; restart to run it all the same"
        )
    return needs_restart(running.settings, loaded.catalog.settings)


def _words(problem: Problem) -> str:
    return f"{problem.place}: {problem.message} ({problem.code})"


def _more(others: int) -> str:
    return f", and {others} more: nsps validate shows them" if others else "; nsps validate shows it"
