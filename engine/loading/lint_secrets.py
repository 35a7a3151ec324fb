"""Secrets that stand in a file as they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from engine.loading.draft import items, members
from engine.loading.findings import Findings
from engine.loading.node import Node
from engine.place import Place
from engine.userinfo import userinfo

_FIELDS: Final = ("password", "token", "client_secret")
_NAMED: Final = re.compile(r"(^|_)(password|passwd|secret|token|api_?key|private_key)$")
_URL: Final = re.compile(r"://[^/@\s:]*:([^/@\s]+)@")


def check_secrets(root: Node, kind: str, findings: Findings) -> None:
    """Adds a problem for each secret of nsps.yaml or a connector that is written out."""
    for name, node in _secrets(root, kind):
        if node.kind in ("text", "number"):
            _check(name, node, _variable(root, name), findings)
    for name in ("store", "queue", "base_url", "proxy"):
        url = root.get(name)
        if url is not None and url.kind == "text":
            _check_url(name, url, findings)
    for name, node in members(root.get("config")).items():
        if _NAMED.search(name) and node.kind == "text" and node.value and "${" not in node.value:
            _literal(name, _variable(root, name), node, findings)


def _secrets(root: Node, kind: str) -> Iterator[tuple[str, Node]]:
    if kind == "nsps":
        yield from _of_receivers(root.get("receive"))
        return
    auth = root.get("auth")
    if auth is None or auth.kind != "map":
        return
    for name in _FIELDS:
        if (node := auth.get(name)) is not None:
            yield name, node
    kind_node, value = auth.get("kind"), auth.get("value")
    if kind_node is not None and kind_node.value == "header" and value is not None:
        yield "value", value
    params = members(auth.get("params"))
    if params and not any(node.kind == "text" and "${" in node.value for node in params.values()):
        yield next(iter(params.items()))


def _of_receivers(receive: Node | None) -> Iterator[tuple[str, Node]]:
    for name in ("espf", "nsps"):
        receiver = receive.get(name) if receive is not None else None
        auth = receiver.get("auth") if receiver is not None else None
        if auth is None:
            continue
        for pair in items(auth.get("basic")):
            if (node := pair.get("password")) is not None:
                yield "password", node
        for pair in items(auth.get("custom")):
            if (node := pair.get("value")) is not None:
                yield "value", node
        for node in items(auth.get("bearer")):
            yield "bearer", node


def _check(name: str, node: Node, variable: str, findings: Findings) -> None:
    text = str(node.value)
    if "${secret:" in text:
        return
    plain = re.search(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-[^}]*)?\}", text)
    if plain is None and "${" in text:
        return  # no reference at all, which is said where it stands
    if plain is None:
        _literal(name, variable, node, findings)
        return
    findings.warning(
        "NSPS407",
        f"`{name}` is a secret, but `${{{plain[1]}}}` reads it as any other variable",
        node,
        label=f"`{plain[1]}_FILE` is not looked for",
        notes=(f'write: "${{secret:{plain[1]}}}"',),
    )


def _variable(root: Node, name: str) -> str:
    """A good name for the variable that holds it: HSS_TOKEN for `token` of connector hss."""
    connector = root.get("connector")
    if connector is not None and connector.kind == "text":
        return re.sub(r"[^A-Z0-9]+", "_", f"{connector.value}_{name}".upper())
    return {"bearer": "API_TOKEN", "password": "ESPF_PASSWORD", "value": "ESPF_TOKEN"}.get(name, name.upper())


def _literal(name: str, variable: str, node: Node, findings: Findings) -> None:
    findings.error(
        "NSPS404",
        f"the secret `{name}` stands in the file, where everybody can read it",
        node,
        notes=(
            f'write "${{secret:{variable}}}" and set {variable}, or {variable}_FILE to a file that holds it',
            "what has stood in a shared file should be replaced by a new one",
        ),
    )


def _check_url(name: str, node: Node, findings: Findings) -> None:
    found = _URL.search(node.value)
    if found and "${" not in found[1]:
        findings.error(
            "NSPS404",
            f"the password in `{name}` stands in the file, where everybody can read it",
            node,
            notes=('write the whole URL as a secret: "${secret:' + f"NSPS_{name.upper()}" + '}"',),
        )


def secret_values(root: Node, placeholders: set[Place]) -> set[str]:
    """The values that stand where a secret belongs, however they came there."""
    found = [*_secrets(root, "nsps"), *_secrets(root, "connector")]
    values = {node.value for _, node in found if node.kind == "text" and node.value and node.place not in placeholders}
    return values.union(*(_in_url(url) for url in _urls(root)))


def _urls(root: Node) -> Iterator[str]:
    holders = ((root, ("store", "queue", "base_url", "proxy")), (root.get("auth"), ("token_url",)))
    nodes = [holder.get(name) for holder, names in holders if holder is not None for name in names]
    return (node.value for node in nodes if node is not None and node.kind == "text")


def _in_url(url: str) -> set[str]:
    """The password in a URL, as it is written there and as it is meant."""
    pair, written = userinfo(url), _URL.search(url)
    return {text for text in (pair[1] if pair else "", written[1] if written else "") if text}
