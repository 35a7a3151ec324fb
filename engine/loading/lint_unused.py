"""Names that are given and never used: map entries, arguments, config, operations. Only of the project's own files."""

from __future__ import annotations

from collections.abc import Iterable

from engine.connector import Connector
from engine.loading.draft import Use, members
from engine.loading.findings import key_spot
from engine.loading.node import Node
from engine.loading.project import Part, Project
from engine.pipeline import Pipeline


def check_unused(project: Project) -> None:
    """Adds a warning for each; none while there are errors: what is used cannot be told before they are gone."""
    if project.findings.refused:
        return
    for pipeline in project.pipelines.values():
        _map_entries(project, pipeline)
    for connector in project.own_connectors():
        _config(project, connector)
        _arguments(project, connector)
        _operations(project, connector)
    _instance_config(project)


def _names(uses: Iterable[Use], root: str) -> set[str] | None:
    """The names read behind a root; None when it is read as a whole."""
    paths = [path for use in uses for path in use.reads if path[0] == root]
    if any(len(path) == 1 for path in paths):
        return None
    return {path[1] for path in paths}


def _map_entries(project: Project, part: Part[Pipeline]) -> None:
    read = _names(part.uses, "vars")
    if read is None:
        return
    for site in part.calls:
        operation = project.operation(site.connector, site.operation)
        if site.kind == "step" and site.arguments is None:
            read |= {argument.name for argument in operation.args} if operation else set()
    for written, node in members(part.root.get("map")).items():
        name = written.removesuffix("?")
        if name not in read:
            _warn(project, f"map entry `{name}`", node, written, "no step, no `skip`, no `search` reads it")


def _config(project: Project, part: Part[Connector]) -> None:
    read = _names(part.uses, "config")
    for name, node in members(part.root.get("config")).items():
        if read is not None and name not in read:
            _warn(project, f"config.{name}", node, name, "nothing in this connector reads it")


def _instance_config(project: Project) -> None:
    part = project.settings
    if part is None or not project.pipelines:
        return
    read = _names((use for pipeline in project.pipelines.values() for use in pipeline.uses), "config")
    for name, node in members(part.root.get("config")).items():
        if read is not None and name not in read:
            _warn(
                project, f"config.{name}", node, name, "no pipeline reads it; a connector sees its own `config:` only"
            )


def _arguments(project: Project, part: Part[Connector]) -> None:
    shared = _names((use for use in part.uses if not use.where.part), "args")
    for operation in part.value.operations.values():
        read = _names((use for use in part.uses if use.where.part == operation.name), "args")
        if read is None or shared is None:
            continue
        read |= shared
        for step in operation.steps:
            called = part.value.operations.get(step.operation)
            if step.arguments is None and called is not None:
                read |= {argument.name for argument in called.args}
        node = (part.root.get("operations") or part.root).get(operation.name)
        for written, schema in members(node.get("args") if node is not None else None).items():
            if written.removesuffix("?") not in read:
                name = written.removesuffix("?")
                _warn(project, f"argument `{name}`", schema, written, f"operation `{operation.name}` does not read it")


def _operations(project: Project, part: Part[Connector]) -> None:
    called = {site.operation for one in project.callers() for site in one.calls if site.connector == part.value.name}
    for test in project.tests:
        if test.value.connector == part.value.name:
            called |= {case.call for case in test.value.cases if case.call}
    for name, node in members(part.root.get("operations")).items():
        if name not in called:
            _warn(project, f"operation `{name}`", node, name, "no pipeline, enrichment, step or test calls it")


def _warn(project: Project, what: str, node: Node, key: str, label: str) -> None:
    project.findings.warning(
        "NSPS223",
        f"{what} is never used",
        key_spot(node, key),
        label=label,
        notes=("take it out, or keep it with:  # nsps: ignore NSPS223 (why)",),
    )
