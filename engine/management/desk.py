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
from engine.errors import ConfigurationRefused
from engine.loading.load import load_project
from engine.management.event_secrets import secrets_of_events
from engine.masking import Masker
from engine.storage.protocol import EventRow
from engine.storage.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A store and the configuration of the folder it is asked from."""

    store: Store
    catalog: Catalog
    clock: SystemClock

    masker: Masker

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
        return await secrets_of_events(self.store, self.catalog, events)


@asynccontextmanager
async def open_desk(project: Path, environ: Mapping[str, str]) -> AsyncIterator[Desk]:
    """The desk of a project; its store is closed at the end. Unset variables are no hindrance to looking.

    Raises ConfigurationRefused when the files cannot be loaded, StoreUnavailable or SchemaMismatch.
    """
    loaded = load_project(project, environ, placeholders=True)
    if loaded.catalog is None:
        raise ConfigurationRefused(loaded.problems, loaded.texts)
    clock, settings = SystemClock(), loaded.catalog.settings
    store = await Store.open(settings.store, project=project, clock=clock, instance=settings.instance)
    try:
        yield Desk(store=store, catalog=loaded.catalog, clock=clock, masker=Masker(loaded.catalog.secrets))
    finally:
        await store.close()


def who() -> str:
    """Who is at the keyboard, for the audit: `NAME` of the login, and of sudo when it was used."""
    real = os.environ.get("SUDO_USER")
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = f"uid {os.getuid()}"
    return f"{name} (sudo by {real})" if real else name
