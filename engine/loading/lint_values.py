"""Whether the values the environment gave fit where they stand. They are never shown: any may be a secret."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from engine.addresses import meant_by
from engine.loading.environment import Filled
from engine.loading.findings import Findings
from engine.loading.node import Node
from engine.loading.schema_check import check_schema
from engine.loading.source import Source


def check_values(filled: Filled, kind: str, source: Source, findings: Findings) -> None:
    """Adds a problem for each value the schema refuses, and for a line break in what is sent as a credential."""
    given = {place: names for place, names in filled.origins.items() if place not in filled.placeholders}
    if not given:
        return
    wrong = {one.place: one for one in check_schema(replace(source, root=filled.root), kind) if one.place in given}
    for key, node, keys in _texts(filled.root, "", ()):
        names = " and ".join(dict.fromkeys(given.get(node.place, ())))
        if not names:
            continue
        if node.place in wrong:
            notes = tuple(note for note in wrong[node.place].notes if "did you mean" not in note)
            notes = (*meant_by(keys, node.value), *notes)
            findings.error("NSPS406", f"the value of {names} cannot be `{key}`", node, notes=notes)
        elif keys[0] in ("auth", "receive") and any(ord(char) < 32 for char in node.value):
            findings.error(
                "NSPS406",
                f"the value of {names} holds a line break or another control character",
                node,
                notes=(f"set {names} without it; of a file that NAME_FILE names only the last line break is dropped",),
            )


def _texts(node: Node, key: str, keys: tuple[str, ...]) -> Iterator[tuple[str, Node, tuple[str, ...]]]:
    """Each text of a file with the key it stands under and the way there."""
    if node.kind == "map":
        for name, child in node.value.items():
            yield from _texts(child, name, (*keys, name))
    elif node.kind == "list":
        for child in node.value:
            yield from _texts(child, key, keys)
    elif node.kind == "text":
        yield key, node, keys
