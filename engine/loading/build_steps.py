"""Steps: the calls of a pipeline's `dispatch`, and of an operation made of operations."""

from __future__ import annotations

from engine.connector import Step
from engine.loading.draft import CallSite, Draft, Where, flag, items, members, text
from engine.loading.findings import key_spot
from engine.loading.node import Node
from engine.loading.roots import Scope


def build_steps(draft: Draft, node: Node | None, scope: Scope, part: str, connector: str = "") -> tuple[Step, ...]:
    """The steps of a list. `connector` is the one inside which operations are named without it."""
    return tuple(_step(draft, step, Where(scope, part, at), connector) for at, step in enumerate(items(node)))


def _step(draft: Draft, node: Node, where: Where, inside: str) -> Step:
    call = node.get("call")
    connector, operation = split_call(text(call), inside)
    step = Step(
        id=text(node.get("id")) or operation,
        connector=connector,
        operation=operation,
        arguments=draft.expressions(node.get("with"), where),
        when=draft.expression(node.get("when"), where),
        for_each=draft.expression(node.get("for_each"), where),
        optional=flag(node.get("optional")),
        once=draft.expression(node.get("once"), where),
        place=node.place,
    )
    if call is not None and call.kind == "text":
        draft.calls.append(_site(step, node, call, where))
    if where.scope == "steps" and "once" in members(node):
        _once_is_for_pipelines(draft, node)
    return step


def split_call(name: str, inside: str = "") -> tuple[str, str]:
    """`connector.operation` in its parts; `operation` alone is one of the connector around it."""
    connector, dot, operation = name.partition(".")
    return (connector, operation) if dot else (inside, name)


def _site(step: Step, node: Node, call: Node, where: Where) -> CallSite:
    return CallSite(
        kind="step",
        connector=step.connector,
        operation=step.operation,
        node=call,
        given=node.get("with"),
        arguments=dict(step.arguments) if step.arguments is not None else None,
        step=step,
        where=where,
    )


def _once_is_for_pipelines(draft: Draft, node: Node) -> None:
    draft.findings.error(
        "NSPS218",
        "`once` stands in pipelines only: an operation does not know whose event it serves",
        key_spot(members(node)["once"], "once"),
        notes=("move `once` to the step of the pipeline's `dispatch` that calls this operation",),
    )
