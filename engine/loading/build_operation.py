"""Operations of a connector: arguments, request or steps, verdicts, result."""

from __future__ import annotations

from typing import Final, cast

from engine.connector import Operation, ReplyKind, RequestTemplate, VerdictKind, VerdictRule
from engine.loading.build_arguments import build_arguments
from engine.loading.build_steps import build_steps
from engine.loading.draft import Draft, Where, flag, items, members, text, whole
from engine.loading.findings import key_spot
from engine.loading.node import Node

REPLY_KINDS: Final = ("json", "xml", "text")


def build_operation(draft: Draft, connector: str, name: str, node: Node, reply: ReplyKind) -> Operation:
    """One operation; `reply` is the connector's, used where the operation says none. Its verdicts are its own only."""
    made_of_steps = node.get("steps") is not None
    _one_of_request_and_steps(draft, name, node)
    result = Where("steps.result" if made_of_steps else "result", name)
    example = node.get("example")
    return Operation(
        connector=connector,
        name=name,
        description=text(node.get("description")),
        read_only=flag(node.get("read_only")),
        args=build_arguments(draft, node.get("args")),
        request=_request(draft, node.get("request"), name),
        steps=build_steps(draft, node.get("steps"), "steps", name, connector),
        reply=reply_kind(node.get("reply"), reply),
        verdicts=build_verdicts(draft, node.get("verdicts"), name),
        result=draft.expression(node.get("result"), result),
        example=example.plain() if example is not None and example.kind == "map" else None,
        place=node.key_place or node.place,
    )


def build_verdicts(draft: Draft, node: Node | None, operation: str = "") -> tuple[VerdictRule, ...]:
    """The rules of a `verdicts` list, in order."""
    return tuple(_rule(draft, rule, Where("verdicts", operation)) for rule in items(node))


def reply_kind(node: Node | None, otherwise: ReplyKind = "json") -> ReplyKind:
    """How a reply's body is read."""
    kind = text(node)
    return cast(ReplyKind, kind) if kind in REPLY_KINDS else otherwise


def _rule(draft: Draft, node: Node, where: Where) -> VerdictRule:
    kind = text(node.get("is"), "retry")
    return VerdictRule(
        when=draft.expression(node.get("when"), where),
        is_=cast(VerdictKind, kind),
        reason=draft.template(node.get("reason"), where, "reason"),
        case=text(node.get("case")) or None,
        result=draft.expression(node.get("result"), Where("result", where.part)),
        answer=whole(node.get("answer")),
        place=node.place,
    )


def _request(draft: Draft, node: Node | None, operation: str) -> RequestTemplate | None:
    if node is None or node.kind != "map":
        return None
    where = Where("request", operation)
    path = draft.template(node.get("path"), where, "url")
    return RequestTemplate(
        method=text(node.get("method"), "GET"),
        path=path or draft.blank(node.place),
        query=draft.tree(node.get("query"), where),
        headers=draft.templates(node.get("headers"), where, "header"),
        json=draft.tree(node.get("json"), where),
        form=draft.tree(node.get("form"), where),
        xml=draft.template(node.get("xml"), where, "xml"),
        text=draft.template(node.get("text"), where, "none"),
        place=node.place,
    )


def _one_of_request_and_steps(draft: Draft, name: str, node: Node) -> None:
    if node.kind != "map" or ("request" in node.value) != ("steps" in node.value):
        return
    both = "request" in members(node)
    draft.findings.error(
        "NSPS219",
        f"operation `{name}` has both `request` and `steps`" if both else f"operation `{name}` does nothing",
        key_spot(node.value["steps"], "steps") if both else key_spot(node, name),
        label="one of the two" if both else "neither `request` nor `steps`",
        notes=("keep `request` for one call, or `steps` for a row of calls of other operations",)
        if both
        else ("write: request: {method: POST, path: /…, json: {…}}, or steps: [{call: …}]",),
    )
