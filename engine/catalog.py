"""Everything a project declares, loaded and checked: what every process works from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engine.auth import SessionAuth
from engine.connector import Connector, Enrichment, Operation
from engine.pipeline import Pipeline
from engine.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """A whole configuration. `hash` names it (sha256 of its files, hex); `files` is its snapshot: path to text.

    `secrets` are the values that must never be shown; `unset` the environment names read but not set (only in a catalog
    loaded with placeholders).
    """

    project: Path
    settings: Settings
    connectors: Mapping[str, Connector]
    pipelines: Mapping[str, Pipeline]
    hash: str = ""
    files: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: frozenset[str] = field(default_factory=frozenset, repr=False)
    unset: tuple[str, ...] = ()

    def operation(self, connector: str, name: str) -> Operation:
        """The operation; the loader has checked that it exists."""
        return self.connectors[connector].operations[name]

    def enrichment(self, connector: str, name: str) -> Enrichment:
        """The enrichment; the loader has checked that it exists."""
        return self.connectors[connector].enrichments[name]

    def logins(self, connector: str) -> frozenset[str]:
        """The operations that log in to a connector: its login and refresh, and what these are made of."""
        auth = self.connectors[connector].auth
        if not isinstance(auth, SessionAuth):
            return frozenset()
        return frozenset(self._made_of(connector, [auth.login, *([auth.refresh] if auth.refresh else [])]))

    def _made_of(self, connector: str, names: Sequence[str]) -> Iterator[str]:
        for name in names:
            yield name
            yield from self._made_of(connector, [step.operation for step in self.operation(connector, name).steps])
