"""A project between its files and the catalog: the values, and what they were built from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from engine.case import TestFile
from engine.connector import Connector, Operation
from engine.loading.draft import CallSite, Draft, Use
from engine.loading.environment import Reading
from engine.loading.findings import Findings
from engine.loading.node import Node
from engine.pipeline import Pipeline
from engine.place import Place
from engine.settings import Settings

V = TypeVar("V", Settings, Connector, Pipeline, TestFile)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part(Generic[V]):
    """One file and the value built of it.

    `shaken`: places where the schema check found something; what depends on them is not judged again. `library`: it
    travels with NSPS and is not the project's own.
    """

    file: str
    value: V
    raw: Node
    root: Node
    draft: Draft = field(repr=False)
    shaken: frozenset[Place] = frozenset()
    library: bool = False

    @property
    def uses(self) -> list[Use]:
        """Its expressions and templates."""
        return self.draft.uses

    @property
    def calls(self) -> list[CallSite]:
        """Its places that name an operation or enrichment."""
        return self.draft.calls

    @property
    def readings(self) -> list[Reading]:
        """Its `${…}`."""
        return self.draft.filled.readings

    def sound(self, *nodes: Node | None) -> bool:
        """Whether the schema check had nothing to say about these maps and their keys; a missing node is sound."""
        return not any(_touched(node, self.shaken) for node in nodes if node is not None)


@dataclass(slots=True, kw_only=True)
class Project:
    """Everything that could be built. `unread`: connectors and pipelines whose file is there but could not be read."""

    findings: Findings
    settings: Part[Settings] | None = None
    connectors: dict[str, Part[Connector]] = field(default_factory=dict)
    pipelines: dict[str, Part[Pipeline]] = field(default_factory=dict)
    tests: list[Part[TestFile]] = field(default_factory=list)
    offered: tuple[str, ...] = ()  # names of the library's connectors
    unread: set[str] = field(default_factory=set)

    def operation(self, connector: str, name: str) -> Operation | None:
        """The operation, None when there is none of that name."""
        part = self.connectors.get(connector)
        return part.value.operations.get(name) if part else None

    def own_connectors(self) -> Iterator[Part[Connector]]:
        """The connectors of the project itself."""
        return (part for part in self.connectors.values() if not part.library)

    def callers(self) -> Iterator[Part[Connector] | Part[Pipeline]]:
        """The parts that call operations."""
        yield from self.connectors.values()
        yield from self.pipelines.values()


def _touched(node: Node, shaken: frozenset[Place]) -> bool:
    if node.place in shaken or node.key_place in shaken:
        return True
    if node.kind != "map":
        return False
    return any(child.place in shaken or child.key_place in shaken for child in node.value.values())
