"""The operator's desk: a project's store, opened beside whatever runs on it."""

from __future__ import annotations

import getpass
import os
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from engine.catalog import Catalog
from engine.clock import SystemClock
from engine.errors import ConfigurationRefused, NoStore
from engine.loading.load import Loaded, load_project
from engine.management.event_secrets import secrets_of_events
from engine.management.standing_in import Names, StandIn, needs_files, stand_in
from engine.masking import Masker
from engine.settings import Settings
from engine.storage.protocol import EventRow
from engine.storage.store import Store
from engine.terminal import say, state


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A store and the configuration of the folder it is asked from; of what stands in for that while it is refused."""

    store: Store
    catalog: Catalog
    clock: SystemClock

    masker: Masker
    instead: StandIn | None = None

    @property
    def hides(self) -> bool:
        """Whether bodies, traces and lanes must not be shown: what is secret in them is not known."""
        return self.instead is not None and not self.instead.sure

    @property
    def names(self) -> Names:
        """What `--pipeline` and `--connector` may name."""
        if self.instead is not None:
            return self.instead.names
        return {"pipeline": frozenset(self.catalog.pipelines), "connector": frozenset(self.catalog.connectors)}

    def now(self) -> datetime:
        return self.clock.now()

    def shown(self, told: Any, secrets: Iterable[str] = ()) -> Any:
        """JSON values without secrets: the environment's, as far as it is set here, and these."""
        return self.masker.value(told, secrets)

    def lines(self, lines: Iterable[str], secrets: Iterable[str] = ()) -> Iterator[str]:
        """Lines without them, each still one line, whatever a sender or system put into it."""
        return (self.masker.text(line, secrets).replace("\n", "\\n") for line in lines)

    async def secrets_in(self, *events: EventRow) -> set[str]:
        """What these events bring that commands must not show. Raises StoreUnavailable."""
        now = (self.catalog,) if self.instead is None else self.instead.running
        return await secrets_of_events(self.store, now, events)


@asynccontextmanager
async def open_desk(project: Path, environ: Mapping[str, str], needs: str = "") -> AsyncIterator[Desk]:
    """The desk of a project; its store is closed at the end. Unset variables are no hindrance to looking.

    Nor are files that are refused, unless nsps.yaml itself is: a line on standard error then says what is shown instead.
    `needs` says why a command cannot do without them. Raises ConfigurationRefused, NspsError for a command that needs
    what is refused, NoStore, StoreUnavailable or SchemaMismatch.
    """
    loaded = load_project(project, environ, placeholders=True)
    clock, readable = SystemClock(), readable_of(loaded)
    settings = readable.settings
    if loaded.catalog is None and needs:
        raise needs_files(loaded, needs)
    store = await _opened(settings, project, clock, environ)
    try:
        if loaded.catalog is not None:
            yield Desk(store=store, catalog=loaded.catalog, clock=clock, masker=Masker(loaded.catalog.secrets))
        else:
            yield _desk_of(store, clock, await stand_in(store, loaded, readable, environ, clock.now()))
    finally:
        await store.close()


async def _opened(settings: Settings, project: Path, clock: SystemClock, environ: Mapping[str, str]) -> Store:
    try:
        return await Store.open(settings.store, project=project, clock=clock, instance=settings.instance, create=False)
    except NoStore as none:
        named = environ.get("NSPS_STORE")
        hint = "NSPS_STORE (it is set here)" if named else "NSPS_STORE (it is not set here)"
        raise NoStore(f"{none}. Check {hint} and `store:` in nsps.yaml, or start nsps run") from none


def readable_of(loaded: Loaded) -> Catalog:
    """What could be read, the settings at least. Raises ConfigurationRefused when nsps.yaml itself has errors."""
    if loaded.readable is None:
        raise ConfigurationRefused(loaded.problems, loaded.texts)
    return loaded.readable


def _desk_of(store: Store, clock: SystemClock, instead: StandIn) -> Desk:
    say(f"{state('failed', 'nsps')}: {instead.words}", error=True)
    return Desk(store=store, catalog=instead.catalog, clock=clock, masker=Masker(instead.secrets), instead=instead)


def who() -> str:
    """Who is at the keyboard, for the audit: `NAME` of the login, and of sudo when it was used."""
    real = os.environ.get("SUDO_USER")
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = f"uid {os.getuid()}"
    return f"{name} (sudo by {real})" if real else name
