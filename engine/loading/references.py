"""Whether what one file names is there in another: connectors, operations, enrichments, retry policies, their arguments."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from engine.connector import Connector, Operation
from engine.loading.draft import CallSite
from engine.loading.findings import Spot, did_you_mean, key_spot, known_names
from engine.loading.lint_arguments import check_arguments
from engine.loading.project import Part, Project
from engine.loading.read_only import read_only_throughout
from engine.pipeline import Pipeline
from engine.retry import POLICIES

_ROLES: Final = {
    "login": "`login`",
    "refresh": "`refresh`",
    "probe": "`probe`",
    "enrichment": "an enrichment",
}


def check_references(project: Project) -> None:
    """Adds a problem for every name that leads nowhere, and for every call that cannot work."""
    for pipeline in project.pipelines.values():
        _retry_policy(project, pipeline)
    if project.settings:
        _instance_policy(project)
    for part in project.callers():
        for site in part.calls:
            if site.kind == "ask":
                _check_ask(project, site)
            else:
                _check_call(project, part, site)


def find_connector(project: Project, site: CallSite) -> Part[Connector] | None:
    """The connector a call names; None, with a problem unless its own file is at fault, when there is none."""
    if not site.connector:
        _no_connector_named(project, site)
        return None
    found = project.connectors.get(site.connector)
    if found is None and site.connector not in project.unread:
        names = (*project.connectors, *project.offered)
        holder = next(
            (n for n, part in project.connectors.items() if part.file == f"connectors/{site.connector}.yaml"), None
        )
        project.findings.error(
            "NSPS201",
            f"there is no connector `{site.connector}`",
            Spot(site.node.place, len(site.connector)),
            notes=(f"connectors/{site.connector}.yaml describes `{holder}`; write: {holder}.{site.operation}",)
            if holder
            else (
                did_you_mean(site.connector, names) or known_names("connectors", set(names)),
                f"or describe it in connectors/{site.connector}.yaml",
            ),
        )
    return found


def _no_connector_named(project: Project, site: CallSite) -> None:
    what = "enrichment" if site.kind == "ask" else "operation"
    holders = sorted(
        f"{name}.{site.operation}"
        for name, part in project.connectors.items()
        if site.operation in (part.value.enrichments if site.kind == "ask" else part.value.operations)
    )
    project.findings.error(
        "NSPS201",
        f"`{site.operation}` names no connector",
        site.node,
        notes=(f"write: {holders[0]}" if holders else f"write: CONNECTOR.{what.upper()}",),
    )


def _check_ask(project: Project, site: CallSite) -> None:
    part = find_connector(project, site)
    if part is None or site.operation in part.value.enrichments or not part.sound(part.root.get("enrichments")):
        return
    known = part.value.enrichments
    notes = [did_you_mean(site.operation, known), known_names(f"enrichments of `{site.connector}`", known)]
    if site.operation in part.value.operations:
        notes.insert(0, f"`{site.operation}` is an operation: add an enrichment that calls it, with a `shape`")
    _missing(project, "NSPS203", "enrichment", site, notes)


def _check_call(project: Project, caller: Part[Connector] | Part[Pipeline], site: CallSite) -> None:
    part = find_connector(project, site)
    if part is None:
        return
    operation = part.value.operations.get(site.operation)
    if operation is None:
        if part.sound(part.root, part.root.get("operations")):
            _unknown_operation(project, part, site)
        return
    node = (part.root.get("operations") or part.root).get(site.operation)
    if node is not None and part.sound(node, node.get("args")):
        check_arguments(project, caller, site, operation)
    if site.kind in ("enrichment", "probe"):
        _must_be_read_only(project, part, site, operation)


def _unknown_operation(project: Project, part: Part[Connector], site: CallSite) -> None:
    known = part.value.operations
    notes = [did_you_mean(site.operation, known), known_names(f"operations of `{site.connector}`", known)]
    if site.operation in part.value.enrichments:
        notes.insert(0, f"`{site.operation}` is an enrichment: list it under `enrich`")
    elif site.operation in project.connectors:
        notes.insert(0, f"`{site.operation}` is a connector; inside a connector only its own operations are called")
    _missing(project, "NSPS202", "operation", site, notes)


def _missing(project: Project, code: str, what: str, site: CallSite, notes: Iterable[str]) -> None:
    offset = site.node.value.find(".") + 1
    spot = Spot(site.node.place_at(offset), len(site.operation))
    role = f", which {_ROLES[site.kind]} needs" if site.kind in ("login", "refresh", "probe") else ""
    project.findings.error(
        code, f"connector `{site.connector}` has no {what} `{site.operation}`{role}", spot, notes=tuple(notes)
    )


def _must_be_read_only(project: Project, part: Part[Connector], site: CallSite, operation: Operation) -> None:
    if read_only_throughout(operation.name, part.value.operations):
        return
    changing = [step.operation for step in operation.steps if not _reads(part, step.operation)]
    which = f"`{changing[0]}`, a step of it," if changing else f"`{operation.name}`"
    project.findings.error(
        "NSPS217",
        f"{_ROLES[site.kind]} may only call what changes nothing, and {which} does not say so",
        site.node,
        notes=(f"if it changes nothing, write `read_only: true` in operation `{(changing or [operation.name])[0]}`",),
    )


def _reads(part: Part[Connector], operation: str) -> bool:
    return read_only_throughout(operation, part.value.operations)


def _retry_policy(project: Project, part: Part[Pipeline]) -> None:
    policies = project.settings.value.retries if project.settings else None
    name, node = part.value.retry, part.root.get("retry")
    if policies is None or name is None or node is None or name in policies:
        return
    _no_policy(project, name, Spot(node.place, node.length))


def _instance_policy(project: Project) -> None:
    part = project.settings
    if part is None or part.value.retry in part.value.retries:
        return
    node = part.root.get("retry")
    if node is not None and node.place not in part.draft.filled.placeholders:
        _no_policy(project, part.value.retry, Spot(node.place, node.length))


def _no_policy(project: Project, name: str, spot: Spot) -> None:
    policies = project.settings.value.retries if project.settings else {}
    project.findings.error(
        "NSPS204",
        f"there is no retry policy `{name}`",
        spot,
        notes=(
            did_you_mean(name, policies) or known_names("policies", policies),
            "or describe it under `retries:` in nsps.yaml",
        ),
    )


def check_retries_named(project: Project) -> None:
    """Adds a problem for an own policy that would stand in the place of a built-in one."""
    if project.settings is None:
        return
    own = project.settings.root.get("retries")
    for name in POLICIES:
        node = own.get(name) if own is not None else None
        if node is not None:
            project.findings.error(
                "NSPS225",
                f"`{name}` is the name of a built-in retry policy",
                key_spot(node, name),
                notes=("choose another name; whoever reads `retry: standard` must know what it means",),
            )
