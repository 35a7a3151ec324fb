"""nsps.yaml: the instance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

from engine.loading.draft import Draft, items, members, number, text, texts, whole
from engine.loading.durations import duration_s, size_bytes
from engine.loading.node import Node
from engine.retry import POLICIES
from engine.settings import (
    Credential,
    CustomCredential,
    EspfAuth,
    EspfReceiver,
    InFlight,
    NspsAuth,
    NspsReceiver,
    Receive,
    Retention,
    RetryPhase,
    RetryPolicy,
    Settings,
)

Off = Callable[[tuple[str, ...]], str | None]

DAY: Final = 86400.0


def build_settings(draft: Draft, root: Node, off: Off) -> Settings:
    """The settings a checked nsps.yaml declares; built-in retry policies stand beside its own.

    `off` says why something with these needs is off, None when it is on.
    """
    own = {name: _policy(draft, name, node) for name, node in members(root.get("retries")).items()}
    return Settings(
        instance=text(root.get("instance"), "nsps"),
        receive=_receive(draft, root.get("receive"), off),
        store=text(root.get("store")) or "sqlite:///var/nsps.db",
        queue=text(root.get("queue")) or "embedded",
        retry=text(root.get("retry")) or "standard",
        retries={**POLICIES, **own},
        keep=_keep(draft, root.get("keep")),
        in_flight=_in_flight(root.get("in_flight")),
        config={key: node.plain() for key, node in members(root.get("config")).items()},
        place=root.place,
    )


def _receive(draft: Draft, node: Node | None, off: Off) -> Receive:
    if node is None:
        return Receive()
    espf, nsps = node.get("espf"), node.get("nsps")
    return Receive(
        espf=_espf(draft, espf, off) if espf is not None and espf.kind == "map" else None,
        nsps=_nsps(draft, nsps, off) if nsps is not None and nsps.kind == "map" else None,
    )


def _espf(draft: Draft, node: Node, off: Off) -> EspfReceiver:
    needs = texts(node.get("needs"))
    wrong: Literal[401, 503] = 503 if whole(node.get("wrong_credentials")) == 503 else 401
    return EspfReceiver(
        path=text(node.get("path")) or "/espf",
        auth=_espf_auth(node.get("auth")),
        wrong_credentials=wrong,
        needs=needs,
        max_body_bytes=draft.quantity(node.get("max_body"), size_bytes, 1024 * 1024),
        off=off(needs),
    )


def _espf_auth(node: Node | None) -> EspfAuth:
    if node is None:
        return EspfAuth()
    return EspfAuth(
        basic=tuple(
            Credential(user=text(pair.get("user")), password=text(pair.get("password")))
            for pair in items(node.get("basic"))
        ),
        custom=tuple(
            CustomCredential(scheme=text(pair.get("scheme")), value=text(pair.get("value")))
            for pair in items(node.get("custom"))
        ),
        header=text(node.get("header")) or "Authorization",
    )


def _nsps(draft: Draft, node: Node, off: Off) -> NspsReceiver:
    needs = texts(node.get("needs"))
    auth = node.get("auth")
    answer: Literal["processed", "accepted"] = "accepted" if text(node.get("answer")) == "accepted" else "processed"
    return NspsReceiver(
        path=text(node.get("path")) or "/process-event",
        auth=NspsAuth(bearer=texts(auth.get("bearer") if auth is not None else None)),
        answer=answer,
        answer_within_s=draft.quantity(node.get("answer_within"), duration_s, 25.0),
        needs=needs,
        max_body_bytes=draft.quantity(node.get("max_body"), size_bytes, 4 * 1024 * 1024),
        off=off(needs),
    )


def _policy(draft: Draft, name: str, node: Node) -> RetryPolicy:
    main, long = node.get("main"), node.get("long")
    return RetryPolicy(
        name=name,
        main=_phase(draft, main) if main is not None else None,
        long=_phase(draft, long) if long is not None else None,
    )


def _phase(draft: Draft, node: Node) -> RetryPhase:
    first_s = draft.quantity(node.get("first"), duration_s, 5.0)
    return RetryPhase(
        first_s=first_s,
        factor=float(number(node.get("factor")) or 2.0),
        max_s=max(first_s, draft.quantity(node.get("max"), duration_s, DAY)),
        for_s=draft.quantity(node.get("for"), _optional_duration, None),
        attempts=whole(node.get("attempts")),
    )


def _optional_duration(value: str) -> float | None:
    return duration_s(value)


def _keep(draft: Draft, node: Node | None) -> Retention:
    default = Retention()
    if node is None:
        return default
    return Retention(
        finished_s=draft.quantity(node.get("finished"), duration_s, default.finished_s),
        replies_s=draft.quantity(node.get("replies"), duration_s, default.replies_s),
    )


def _in_flight(node: Node | None) -> InFlight:
    default = InFlight()
    if node is None:
        return default
    return InFlight(
        total=whole(node.get("total")) or default.total,
        per_pipeline=whole(node.get("per_pipeline")) or default.per_pipeline,
    )
