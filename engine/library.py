"""Where the schemas and the connectors that ship with NSPS are: inside the wheel, or beside engine/ in a checkout."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

PACKAGE = "engine"


def shipped(kind: str) -> Traversable:
    """The folder (`schemas`, `connectors`, `pipelines`) or file (`nsps.yaml`) of that name that travels with NSPS."""
    inside = files(PACKAGE) / "_shipped" / kind
    if inside.is_dir() or inside.is_file():
        return inside
    return Path(__file__).resolve().parent.parent / kind


def library_connectors() -> dict[str, Traversable]:
    """The shipped connectors: name to file."""
    folder = shipped("connectors")
    if not folder.is_dir():
        return {}
    found = {entry.name.removesuffix(".yaml"): entry for entry in folder.iterdir() if _is_connector(entry.name)}
    return dict(sorted(found.items()))


def _is_connector(name: str) -> bool:
    return name.endswith(".yaml") and not name.endswith(".test.yaml")
