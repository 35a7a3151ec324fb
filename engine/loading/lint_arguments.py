"""Whether a call gives its operation the arguments it needs, as far as the files can tell."""

from __future__ import annotations

from typing import Any, Final

from engine.connector import Argument, Connector, Operation
from engine.errors import OursFailed
from engine.expressions.expression import Expression
from engine.loading.arguments import misfit
from engine.loading.draft import CallSite, members
from engine.loading.findings import Spot, did_you_mean, key_spot, known_names
from engine.loading.node import Node
from engine.loading.project import Part, Project
from engine.pipeline import Pipeline

_UNKNOWN: Final = object()


def check_arguments(
    project: Project, caller: Part[Connector] | Part[Pipeline], site: CallSite, operation: Operation
) -> None:
    """Adds a problem for each argument that is missing, unknown, or a constant its schema refuses."""
    if site.kind in ("login", "refresh", "probe"):
        _needs_none(project, site, operation)
    elif site.arguments is not None:
        _check_given(project, site, operation)
    else:
        _check_by_name(project, caller, site, operation)


def constant_of(expression: Expression) -> Any:
    """The value of an expression that reads nothing; a mark of its own for any other."""
    if expression.reads or expression.inner_reads:
        return _UNKNOWN
    try:
        return expression.evaluate({})
    except OursFailed:
        return _UNKNOWN


def _needs_none(project: Project, site: CallSite, operation: Operation) -> None:
    needed = [argument.name for argument in operation.args if argument.required]
    if needed:
        project.findings.error(
            "NSPS206",
            f"`{site.kind}` calls `{operation.name}` without arguments, but it needs `{needed[0]}`",
            site.node,
            notes=("write what it needs under `config:` and read it as config.NAME",),
        )


def _check_given(project: Project, site: CallSite, operation: Operation) -> None:
    declared = {argument.name: argument for argument in operation.args}
    given = members(site.given)
    for name, node in given.items():
        if name not in declared:
            _unknown(project, name, node, operation)
        elif site.arguments is not None and name in site.arguments:
            _check_constant(project, declared[name], site.arguments[name], node, operation)
    missing = [argument for argument in operation.args if argument.required and argument.name not in given]
    for argument in missing:
        spot = key_spot(site.given, "with") if site.given is not None else Spot(site.node.place, site.node.length)
        project.findings.error(
            "NSPS206",
            f"`{operation.connector}.{operation.name}` needs `{argument.name}`, and this call does not give it",
            spot,
            label=_title(argument),
            notes=(f"write under `with:`  {argument.name}: …",),
        )


def _unknown(project: Project, name: str, node: Node, operation: Operation) -> None:
    names = [argument.name for argument in operation.args]
    project.findings.error(
        "NSPS207",
        f"`{operation.connector}.{operation.name}` has no argument `{name}`",
        key_spot(node, name),
        notes=(did_you_mean(name, names), known_names("arguments", names)),
    )


def _check_by_name(
    project: Project, caller: Part[Connector] | Part[Pipeline], site: CallSite, operation: Operation
) -> None:
    value = caller.value
    if isinstance(value, Pipeline):
        if not caller.sound(caller.root, caller.root.get("map")):
            return
        available = {entry.name: entry.value for entry in value.map}
        _check_mapped(project, caller.root.get("map"), available, operation)
        names, where, write = set(available), "`map`", "{name}: …"
    else:
        own = value.operations.get(site.where.part)
        names = {argument.name for argument in own.args} if own else set()
        where, write = f"`args` of `{site.where.part}`", "{name}: {{type: …}}"
    for argument in operation.args:
        if argument.required and argument.name not in names:
            near = did_you_mean(argument.name, names)
            project.findings.error(
                "NSPS206",
                f"`{operation.connector}.{operation.name}` needs `{argument.name}`, and nothing in {where} is called so",
                site.node,
                label="without `with`, arguments come by name",
                notes=(near, f"add to {where}:  " + write.format(name=argument.name) + "  or give the step a `with:`"),
            )


def _check_mapped(
    project: Project, entries: Node | None, available: dict[str, Expression], operation: Operation
) -> None:
    nodes = {written.removesuffix("?"): node for written, node in members(entries).items()}
    for argument in operation.args:
        if argument.name in available and argument.name in nodes:
            _check_constant(project, argument, available[argument.name], nodes[argument.name], operation)


def _check_constant(
    project: Project, argument: Argument, expression: Expression, node: Node, operation: Operation
) -> None:
    value = constant_of(expression)
    if value is _UNKNOWN or (value is None and not argument.required):
        return
    called = f"`{operation.connector}.{operation.name}`"
    if value is None:
        message = f"`{argument.name}` of {called} is required, and this is always null"
    else:
        why = misfit(value, argument.schema)
        if not why:
            return
        message = f"this does not fit argument `{argument.name}` of {called}: {why}"
    spot = Spot(node.place, node.length) if node.kind not in ("map", "list") else key_spot(node, argument.name)
    project.findings.error("NSPS208", message, spot, label=_title(argument))


def _title(argument: Argument) -> str:
    kind = argument.schema.get("format") or argument.schema.get("type")
    return f"{argument.name}: {kind}" if isinstance(kind, str) else ""
