"""A file of pipelines/: one flow."""

from __future__ import annotations

from engine.loading.build_steps import build_steps, split_call
from engine.loading.draft import CallSite, Draft, Where, flag, items, members, text, texts, whole
from engine.loading.node import Node
from engine.pipeline import Ask, MapEntry, Order, Pipeline, SkipRule


def build_pipeline(draft: Draft, root: Node, name: str) -> Pipeline:
    """The pipeline a checked file declares. What is wrong beyond its schema becomes findings."""
    return Pipeline(
        name=name,
        description=text(root.get("description")),
        enabled=flag(root.get("enabled"), otherwise=True),
        needs=texts(root.get("needs")),
        events=texts(root.get("events")),
        when=draft.expression(root.get("when"), Where("pipeline.when")),
        order=_order(draft, root.get("order")),
        retry=text(root.get("retry")) or None,
        enrich=tuple(ask for node in items(root.get("enrich")) if (ask := _ask(draft, node)) is not None),
        map=_map(draft, root.get("map")),
        skip=tuple(_skip(draft, node, at) for at, node in enumerate(items(root.get("skip")))),
        search=draft.expressions(root.get("search"), Where("search")) or {},
        dispatch=build_steps(draft, root.get("dispatch"), "dispatch", name),
        place=root.place,
    )


def _order(draft: Draft, node: Node | None) -> Order | None:
    if node is None or node.kind != "map":
        return None
    where = Where("pipeline.order")
    return Order(
        key=draft.required(node.get("key"), where),
        time=draft.expression(node.get("time"), where),
        mode="latest" if text(node.get("mode")) == "latest" else "strict",
    )


def _ask(draft: Draft, node: Node) -> Ask | None:
    named = node.get("ask") if node.kind == "map" else node
    if named is None or named.kind != "text":
        return None
    connector, enrichment = split_call(named.value)
    site = CallSite(
        kind="ask",
        connector=connector,
        operation=enrichment,
        node=named,
        where=Where("enrichment"),
        optional=flag(node.get("optional")),
    )
    draft.calls.append(site)
    return Ask(connector=connector, enrichment=enrichment, optional=site.optional, place=named.place)


def _map(draft: Draft, node: Node | None) -> tuple[MapEntry, ...]:
    return tuple(
        MapEntry(
            name=written.removesuffix("?"),
            value=draft.required(value, Where("map", written.removesuffix("?"), at)),
            nullable=written.endswith("?"),
            place=value.key_place or value.place,
        )
        for at, (written, value) in enumerate(members(node).items())
    )


def _skip(draft: Draft, node: Node, at: int) -> SkipRule:
    where = Where("skip", at=at)
    return SkipRule(
        when=draft.required(node.get("when"), where),
        reason=draft.template(node.get("reason"), where, "reason"),
        answer=whole(node.get("answer")),
        place=node.place,
    )
