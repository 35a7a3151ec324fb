"""Variables that are not set: what may start without them, and what refuses the start."""

from __future__ import annotations

from collections.abc import Iterator

from engine.connector import Connector
from engine.loading.environment import Reading
from engine.loading.project import Part, Project
from engine.pipeline import Pipeline
from engine.settings import Settings


def refuse_unset(project: Project) -> None:
    """Adds a problem for each unset variable that nsps.yaml, an active pipeline or its connectors read."""
    if project.settings is None:
        return
    for reading in _once(_of_instance(project.settings)):
        _refuse(project, reading, "nsps.yaml reads it", _advice_for_instance(reading))
    for connector, pipeline in _needed(project, project.settings.value):
        for reading in _once(reading for reading in connector.readings if reading.unset):
            _refuse(
                project,
                reading,
                f"pipeline `{pipeline}` calls connector `{connector.value.name}`",
                f"or add it to the pipeline's `needs:`, which turns `{pipeline}` off where it is unset",
            )


def _of_instance(part: Part[Settings]) -> Iterator[Reading]:
    """What nsps.yaml reads and is not set, without the receivers that are off."""
    receive = part.value.receive
    off = {
        ("receive", name)
        for name, receiver in (("espf", receive.espf), ("nsps", receive.nsps))
        if receiver is not None and receiver.off
    }
    return (reading for reading in part.readings if reading.unset and reading.keys[:2] not in off)


def _needed(project: Project, settings: Settings) -> Iterator[tuple[Part[Connector], str]]:
    """Each connector that can be called, with a pipeline that calls it. Nothing is enriched unless ESPF sends to us."""
    espf = settings.receive.espf
    enriching = espf is not None and espf.off is None
    found: dict[str, str] = {}
    for name, part in project.pipelines.items():
        if part.value.off is None:
            for connector in _called(part.value, enriching):
                found.setdefault(connector, name)
    return ((project.connectors[name], by) for name, by in found.items() if name in project.connectors)


def _called(pipeline: Pipeline, enriching: bool) -> Iterator[str]:
    yield from (step.connector for step in pipeline.dispatch)
    if enriching:
        yield from (ask.connector for ask in pipeline.enrich)


def _once(readings: Iterator[Reading]) -> Iterator[Reading]:
    seen: set[str] = set()
    for reading in readings:
        if reading.name not in seen:
            seen.add(reading.name)
            yield reading


def _advice_for_instance(reading: Reading) -> str:
    if reading.keys[:1] == ("receive",) and len(reading.keys) > 1:
        return f"or give receive.{reading.keys[1]} `needs: [{reading.name}]`, or leave it out: then it does not listen"
    return "" if reading.secret else f"or give it a default: ${{{reading.name}:-…}}"


def _refuse(project: Project, reading: Reading, label: str, advice: str) -> None:
    name = reading.name
    how = f"set {name}, or {name}_FILE to a file that holds it" if reading.secret else f"set {name}"
    project.findings.error("NSPS401", f"{name} is not set", reading.spot, label=label, notes=(how, advice))
