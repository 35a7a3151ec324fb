"""Operations made of operations, and enrichments that wait for enrichments: neither may go in a circle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engine.connector import Connector, Enrichment
from engine.loading.findings import Spot, key_spot
from engine.loading.project import Part, Project
from engine.loading.read_only import read_only_throughout
from engine.pipeline import Ask, Pipeline


def check_operations(project: Project) -> None:
    """Adds a problem for each circle, each false `read_only`, each enrichment whose facts nobody asks for."""
    for part in project.connectors.values():
        _recursion(project, part)
        _false_read_only(project, part)
        _enrichment_cycle(project, part)
    for pipeline in project.pipelines.values():
        _asked_twice(project, pipeline)
        _unasked(project, pipeline)


def _recursion(project: Project, part: Part[Connector]) -> None:
    graph = {name: [step.operation for step in operation.steps] for name, operation in part.value.operations.items()}
    for cycle in _cycles(graph):
        node = (part.root.get("operations") or part.root).get(cycle[0])
        if node is not None:
            project.findings.error(
                "NSPS224",
                f"operation `{cycle[0]}` calls itself: {' -> '.join((*cycle, cycle[0]))}",
                key_spot(node, cycle[0]),
                notes=("take one of these calls out; an operation made of steps cannot repeat itself",),
            )


def _false_read_only(project: Project, part: Part[Connector]) -> None:
    for name, operation in part.value.operations.items():
        node = (part.root.get("operations") or part.root).get(name)
        said = node.get("read_only") if node is not None else None
        if not operation.steps or said is None or said.value is not True:
            continue
        changing = [
            step.operation
            for step in operation.steps
            if step.operation in part.value.operations
            and not read_only_throughout(step.operation, part.value.operations)
        ]
        if changing:
            project.findings.error(
                "NSPS217",
                f"operation `{name}` says `read_only: true`, but its step `{changing[0]}` does not",
                said,
                notes=(f"take it out, or write `read_only: true` in operation `{changing[0]}` if it changes nothing",),
            )


def _enrichment_cycle(project: Project, part: Part[Connector]) -> None:
    graph = {name: sorted(one.waits_for) for name, one in part.value.enrichments.items()}
    for cycle in _cycles(graph):
        node = (part.root.get("enrichments") or part.root).get(cycle[0])
        if node is not None:
            project.findings.error(
                "NSPS213",
                f"enrichment `{cycle[0]}` waits for itself: {' -> '.join((*cycle, cycle[0]))}",
                key_spot(node, cycle[0]),
                notes=("`when` and `with` wait for each pb_data block they read; one of these must do without",),
            )


def _cycles(graph: Mapping[str, Iterable[str]]) -> list[tuple[str, ...]]:
    """Each circle once, from its first member in file order."""
    found: dict[frozenset[str], tuple[str, ...]] = {}
    for start in graph:
        cycle = _back_to(start, start, graph, ())
        if cycle and frozenset(cycle) not in found:
            found[frozenset(cycle)] = cycle
    return list(found.values())


def _back_to(start: str, at: str, graph: Mapping[str, Iterable[str]], way: tuple[str, ...]) -> tuple[str, ...] | None:
    if at in way or at not in graph:
        return None
    for to in graph[at]:
        if to == start:
            return (*way, at)
        cycle = _back_to(start, to, graph, (*way, at))
        if cycle:
            return cycle
    return None


def _asked_twice(project: Project, part: Part[Pipeline]) -> None:
    seen: dict[str, Ask] = {}
    for ask in part.value.enrich:
        if ask.enrichment in seen:
            first = seen[ask.enrichment]
            project.findings.error(
                "NSPS225",
                f"pb_data.{ask.enrichment} is asked for twice",
                Spot(ask.place, len(f"{ask.connector}.{ask.enrichment}")),
                label=f"first `{first.connector}.{first.enrichment}` on line {first.place.line}",
                notes=("keep one of the two",),
            )
        seen.setdefault(ask.enrichment, ask)


def _unasked(project: Project, part: Part[Pipeline]) -> None:
    """An enrichment that can only work with a block this pipeline does not ask for."""
    asked = {ask.enrichment for ask in part.value.enrich}
    read = {path[1] for use in part.uses for path in use.reads if path[0] == "pb_data" and len(path) > 1}
    for ask in part.value.enrich:
        enrichment = _enrichment(project, ask)
        for block in sorted(_indispensable(enrichment) - asked - read) if enrichment else ():
            holder = next((name for name, one in project.connectors.items() if block in one.value.enrichments), None)
            if holder is None:  # the connector's own file has been told so
                continue
            project.findings.error(
                "NSPS212",
                f"`{ask.connector}.{ask.enrichment}` reads pb_data.{block}, which this pipeline does not ask for",
                Spot(ask.place, len(f"{ask.connector}.{ask.enrichment}")),
                notes=(f"add to `enrich`:  - {holder}.{block}",),
            )


def _enrichment(project: Project, ask: Ask) -> Enrichment | None:
    part = project.connectors.get(ask.connector)
    return part.value.enrichments.get(ask.enrichment) if part else None


def _indispensable(enrichment: Enrichment) -> set[str]:
    """The blocks it cannot do without: read where no `||`, `not_null` or `if` offers another way."""
    expressions = [*(enrichment.arguments or {}).values(), *([enrichment.when] if enrichment.when else [])]
    plain = [one for one in expressions if not any(way in one.text for way in ("||", "not_null(", "if("))]
    return {path[1] for one in plain for path in one.reads if path[0] == "pb_data" and len(path) > 1}
