"""A file of connectors/: one external system."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from engine.connector import Breaker, Connector, Enrichment, Limits, Operation, Tls, VerdictRule
from engine.loading.build_auth import build_auth
from engine.loading.build_operation import build_operation, build_verdicts, reply_kind
from engine.loading.build_windows import build_windows
from engine.loading.draft import CallSite, Draft, Where, flag, members, text, whole
from engine.loading.durations import duration_s, rate_per_s, size_bytes
from engine.loading.node import Node
from engine.loading.read_only import read_only_throughout


def build_connector(draft: Draft, root: Node, name: str) -> Connector:
    """The connector a checked file declares. What is wrong beyond its schema becomes findings."""
    operations = _operations(draft, root, name)
    return Connector(
        name=name,
        description=text(root.get("description")),
        transport=text(root.get("transport")) or "http",
        base_url=text(root.get("base_url")).rstrip("/"),
        auth=build_auth(draft, name, root.get("auth")),
        timeout_s=draft.quantity(root.get("timeout"), duration_s, 30.0),
        limits=_limits(draft, root.get("limits")),
        breaker=_breaker(draft, root.get("breaker")),
        windows=build_windows(draft, root.get("windows")),
        headers=draft.templates(root.get("headers"), Where("request"), "header"),
        tls=_tls(root.get("tls")),
        proxy=text(root.get("proxy")) or None,
        max_reply_bytes=draft.quantity(root.get("max_reply"), size_bytes, 4 * 1024 * 1024),
        probe=_probe(draft, root, name),
        config=_config(draft, root),
        operations=operations,
        enrichments={
            key: _enrichment(draft, name, key, node) for key, node in members(root.get("enrichments")).items()
        },
        place=root.place,
    )


def _operations(draft: Draft, root: Node, connector: str) -> dict[str, Operation]:
    """Each operation, with the connector's rules after its own."""
    reply = reply_kind(root.get("reply"))
    shared = build_verdicts(draft, root.get("verdicts"))
    made = {
        key: build_operation(draft, connector, key, node, reply)
        for key, node in members(root.get("operations")).items()
    }
    return {key: _completed(operation, made, shared) for key, operation in made.items()}


def _completed(operation: Operation, siblings: Mapping[str, Operation], shared: tuple[VerdictRule, ...]) -> Operation:
    """With the connector's rules after its own; made of steps, read-only where all its steps are."""
    if operation.steps:
        return replace(operation, read_only=read_only_throughout(operation.name, siblings))
    return replace(operation, verdicts=(*operation.verdicts, *shared))


def _enrichment(draft: Draft, connector: str, name: str, node: Node) -> Enrichment:
    where = Where("enrichment", name)
    call = node.get("call")
    arguments = draft.expressions(node.get("with"), where)
    when = draft.expression(node.get("when"), where)
    if call is not None and call.kind == "text":
        site = CallSite(
            kind="enrichment",
            connector=connector,
            operation=call.value,
            node=call,
            given=node.get("with"),
            arguments=arguments if arguments is not None else {},
            where=where,
        )
        draft.calls.append(site)
    asked = [*(arguments or {}).values(), *([when] if when else [])]
    return Enrichment(
        connector=connector,
        name=name,
        call=text(call),
        when=when,
        arguments=arguments,
        shape=draft.expression(node.get("shape"), Where("shape", name)),
        cache_s=draft.quantity(node.get("cache"), duration_s, 5.0),
        waits_for=frozenset(
            path[1] for expression in asked for path in expression.reads if path[0] == "pb_data" and len(path) > 1
        ),
        place=node.key_place or node.place,
    )


def _probe(draft: Draft, root: Node, connector: str) -> str | None:
    node = root.get("probe")
    if node is None or node.kind != "text":
        return None
    draft.calls.append(
        CallSite(kind="probe", connector=connector, operation=node.value, node=node, where=Where("request", "probe"))
    )
    return str(node.value)


def _limits(draft: Draft, node: Node | None) -> Limits:
    if node is None:
        return Limits()
    return Limits(
        rate=draft.quantity(node.get("rate"), _rate, None),
        concurrency=whole(node.get("concurrency")),
    )


def _rate(value: str) -> float | None:
    return rate_per_s(value)


def _breaker(draft: Draft, node: Node | None) -> Breaker | None:
    if node is None or node.kind != "map":
        return None
    return Breaker(
        failures=whole(node.get("failures")) or 5,
        within_s=draft.quantity(node.get("within"), duration_s, 30.0),
        open_for_s=draft.quantity(node.get("open_for"), duration_s, 30.0),
    )


def _tls(node: Node | None) -> Tls:
    if node is None:
        return Tls()
    return Tls(
        ca=text(node.get("ca")) or None,
        cert=text(node.get("cert")) or None,
        key=text(node.get("key")) or None,
        verify=flag(node.get("verify"), otherwise=True),
    )


def _config(draft: Draft, root: Node) -> dict[str, object]:
    own = {key: node.plain() for key, node in members(root.get("config")).items()}
    return {**own, **draft.filled.holes}
