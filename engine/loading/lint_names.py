"""Names that must be the only ones of their kind, and files that are called otherwise than what they hold."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from engine.connector import Step
from engine.loading.draft import items, members
from engine.loading.findings import Spot, key_spot
from engine.loading.node import Node
from engine.loading.project import Part, Project
from engine.settings import Settings

OWN_PATHS = {"is alive": "/health", "is ready": "/ready"}


def check_names(project: Project) -> None:
    """Adds a problem for each name that stands twice."""
    _receivers(project)
    for pipeline in project.pipelines.values():
        _step_ids(project, pipeline.value.dispatch, pipeline.root.get("dispatch"))
    for connector in project.connectors.values():
        for name, node in members(connector.root.get("operations")).items():
            operation = connector.value.operations.get(name)
            if operation is not None:
                _step_ids(project, operation.steps, node.get("steps"))


def check_same_name(project: Project, kind: str, name: str, node: Node, taken: str) -> None:
    """Adds the problem that two files describe the same pipeline or connector."""
    project.findings.error(
        "NSPS225",
        f"there are two {kind}s named `{name}`",
        node,
        label=f"the other is in {taken}",
        notes=(f"rename one of the two; what names `{name}` means the one in {taken}",),
    )


def check_file_name(project: Project, kind: str, name: str, node: Node, file: str) -> None:
    """Adds a warning when a file is not called like what it holds."""
    stem = PurePosixPath(file).stem
    if name and stem != name:
        project.findings.warning(
            "NSPS226",
            f"{kind} `{name}` is in {PurePosixPath(file).name}",
            node,
            notes=(f"call the file {name}.yaml, or the {kind} `{stem}`: people look for it by its name",),
        )


def _step_ids(project: Project, steps: Iterable[Step], node: Node | None) -> None:
    seen: dict[str, Step] = {}
    for step, written in zip(steps, items(node), strict=False):
        if step.id and step.id in seen:
            at = written.get("id") or written.get("call") or written
            project.findings.error(
                "NSPS228",
                f"two steps have the id `{step.id}`",
                at,
                label=f"the first is on line {seen[step.id].place.line}",
                notes=(f"give this one an id of its own:  id: {step.id}_again  (steps.ID must mean one of them)",),
            )
        seen.setdefault(step.id, step)


def _own_paths(project: Project, settings: Part[Settings]) -> None:
    for name, path in OWN_PATHS.items():
        for role in ("espf", "nsps"):
            node = _path_of(settings.root.get("receive"), role)
            if node is not None and node.value == path:
                project.findings.error(
                    "NSPS227",
                    f"{path} answers whether NSPS {name}; nobody can post there",
                    node,
                    notes=("give the receiver another path: /espf and /process-event are the usual ones",),
                )


def _path_of(receive: Node | None, role: str) -> Node | None:
    receiver = receive.get(role) if receive is not None else None
    return receiver.get("path") if receiver is not None else None


def _receivers(project: Project) -> None:
    settings = project.settings
    if settings is None:
        return
    _own_paths(project, settings)
    receive = settings.value.receive
    if receive.espf is None or receive.nsps is None or receive.espf.path != receive.nsps.path:
        return
    node = settings.root.get("receive")
    nsps = node.get("nsps") if node is not None else None
    path = nsps.get("path") if nsps is not None else None
    if nsps is not None:
        project.findings.error(
            "NSPS227",
            f"both receivers listen at {receive.nsps.path}",
            Spot(path.place, path.length) if path is not None else key_spot(nsps, "nsps"),
            notes=("give one of them another path: /espf and /process-event are the usual ones",),
        )
