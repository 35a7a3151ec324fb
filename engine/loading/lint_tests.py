"""Whether what a test names is there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from engine.case import TestFile
from engine.connector import Connector
from engine.loading.build_test import full_name
from engine.loading.draft import items, members, text
from engine.loading.findings import Spot, did_you_mean, key_spot, known_names
from engine.loading.node import Node
from engine.loading.project import Part, Project
from engine.loading.roots import PB_DATA
from engine.pipeline import Pipeline


class Sought(NamedTuple):
    """A name that was not found, and among what."""

    name: str
    known: Iterable[str]
    what: str


def check_tests(project: Project) -> None:
    """Adds a problem for each name in a test that leads nowhere."""
    for part in project.tests:
        if part.value.pipeline:
            _pipeline_tests(project, part, part.value.pipeline)
        elif part.value.connector:
            _connector_tests(project, part, part.value.connector)


def _pipeline_tests(project: Project, part: Part[TestFile], name: str) -> None:
    pipeline = project.pipelines.get(name)
    if pipeline is None:
        if name not in project.unread:
            sought = Sought(name, project.pipelines, "pipelines")
            _nowhere(project, f"there is no pipeline `{name}`", part.root.get("pipeline"), sought)
        return
    if project.settings is not None:
        _config(project, part, project.settings.value.config, "nsps.yaml")
    for node in items(part.root.get("tests")):
        _replies(project, node, "")
        for expect in _expects(node):
            _expected_names(project, expect, pipeline)


def _connector_tests(project: Project, part: Part[TestFile], name: str) -> None:
    connector = project.connectors.get(name)
    if connector is None:
        if name not in project.unread:
            known = {*project.connectors, *project.offered}
            _nowhere(
                project,
                f"there is no connector `{name}`",
                part.root.get("connector"),
                Sought(name, known, "connectors"),
            )
        return
    _config(project, part, connector.value.config, f"connector `{name}`")
    for node in items(part.root.get("tests")):
        _called(project, node, connector.value)
        _replies(project, node, name)
        for expect in _expects(node):
            _requests(project, expect, name)


def _called(project: Project, node: Node, connector: Connector) -> None:
    call, enrich = node.get("call"), node.get("enrich")
    if call is not None and text(call) not in connector.operations:
        message = f"connector `{connector.name}` has no operation `{text(call)}`"
        _nowhere(project, message, call, Sought(text(call), connector.operations, "operations"))
    elif call is not None:
        names = {argument.name for argument in connector.operations[text(call)].args}
        for name, given in members(node.get("with")).items():
            if name not in names:
                message = f"`{connector.name}.{text(call)}` has no argument `{name}`"
                _nowhere(project, message, key_spot(given, name), Sought(name, names, "arguments"), "NSPS207")
    if enrich is not None and text(enrich) not in connector.enrichments:
        message = f"connector `{connector.name}` has no enrichment `{text(enrich)}`"
        _nowhere(project, message, enrich, Sought(text(enrich), connector.enrichments, "enrichments"))


def _expects(node: Node) -> list[Node]:
    expect = node.get("expect")
    if expect is None:
        return []
    return items(expect) if expect.kind == "list" else [expect]


def _expected_names(project: Project, expect: Node, pipeline: Part[Pipeline]) -> None:
    if pipeline.sound(pipeline.root, pipeline.root.get("map")):
        names = {entry.name for entry in pipeline.value.map}
        for name, node in members(expect.get("vars")).items():
            if name not in names:
                message = f"pipeline `{pipeline.value.name}` maps no `{name}`"
                _nowhere(project, message, key_spot(node, name), Sought(name, names, "map entries"))
    asked = {ask.enrichment for ask in pipeline.value.enrich} | set(PB_DATA)
    for name, node in members(expect.get("pb_data")).items():
        if name not in asked:
            message = f"no enrichment of pipeline `{pipeline.value.name}` sets pb_data.{name}"
            _nowhere(project, message, key_spot(node, name), Sought(name, asked, "blocks"))
    _requests(project, expect, "")


def _requests(project: Project, expect: Node, connector: str) -> None:
    for request in items(expect.get("requests")):
        call = request.get("call")
        if call is not None and call.kind == "text":
            _operation(project, call, call.value, connector)


def _replies(project: Project, node: Node, connector: str) -> None:
    for name, replies in members(node.get("replies")).items():
        _operation(project, key_spot(replies, name), name, connector)


def _operation(project: Project, at: Node | Spot, name: str, connector: str) -> None:
    """The operation a test speaks of: it must be there, and send something itself."""
    holder, _, operation = full_name(name, connector).partition(".")
    part = project.connectors.get(holder)
    if not operation:
        known = {f"{one}.{name}" for one, each in project.connectors.items() if name in each.value.operations}
        _nowhere(project, f"`{name}` names no connector", at, Sought(name, known, "operations of that name"))
    elif part is None:
        if holder not in project.unread:
            known = {*project.connectors, *project.offered}
            _nowhere(project, f"there is no connector `{holder}`", at, Sought(holder, known, "connectors"))
    elif operation not in part.value.operations:
        if part.sound(part.root.get("operations")):
            message = f"connector `{holder}` has no operation `{operation}`"
            _nowhere(project, message, at, Sought(operation, part.value.operations, "operations"))
    elif part.value.operations[operation].steps:
        steps = [step.operation for step in part.value.operations[operation].steps]
        project.findings.error(
            "NSPS233",
            f"`{holder}.{operation}` sends nothing itself: it is made of steps",
            at,
            notes=(f"name what it calls: {', '.join(f'{holder}.{step}' for step in dict.fromkeys(steps))}",),
        )


def _config(project: Project, part: Part[TestFile], known: Iterable[str], where: str) -> None:
    names = [name for name in known if not name.startswith("${")]
    nodes = [part.root, *items(part.root.get("tests"))]
    for name, node in ((name, node) for one in nodes for name, node in members(one.get("config")).items()):
        if name not in names:
            message = f"{where} has no config.{name}"
            _nowhere(project, message, key_spot(node, name), Sought(name, names, "names in its `config:`"), "NSPS205")


def _nowhere(project: Project, message: str, at: Node | Spot | None, sought: Sought, code: str = "NSPS233") -> None:
    names = list(sought.known)
    if at is not None:
        notes = (did_you_mean(sought.name, names), known_names(sought.what, names))
        project.findings.error(code, message, at, notes=notes)
