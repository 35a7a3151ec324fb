"""What differs between two configurations, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from engine.catalog import Catalog
from engine.settings import Settings

FIXED = ("instance", "store", "queue")  # what a process is built on


def changes(old: Catalog, new: Catalog) -> dict[str, str]:
    """By kind (settings, connectors, pipelines): "changed a, b; added c; removed d". Empty when nothing differs."""
    told = {
        "settings": ", ".join(_settings(old.settings, new.settings)),
        "connectors": _words(_connectors(old), _connectors(new)),
        "pipelines": _words(_pipelines(old), _pipelines(new)),
    }
    found = {kind: words for kind, words in told.items() if words}
    return found if found or old.hash == new.hash else {"files": "changed in wording only"}


def needs_restart(old: Settings, new: Settings) -> str:
    """Why a running process cannot take these settings; empty when it can."""
    different = [name for name in FIXED if getattr(old, name) != getattr(new, name)]
    if not different:
        return ""
    names = " and ".join(f"`{name}`" for name in different)
    return f"nsps.yaml: another {names} needs a restart; until then nothing of the change is taken"


def _settings(old: Settings, new: Settings) -> list[str]:
    """The names of the settings that differ."""
    names = (field.name for field in fields(Settings) if field.name != "place")
    return [name for name in names if getattr(old, name) != getattr(new, name)]


def _connectors(catalog: Catalog) -> Mapping[str, object]:
    return {name: connector.identity for name, connector in catalog.connectors.items()}


def _pipelines(catalog: Catalog) -> Mapping[str, object]:
    return {name: (one.off, catalog.files.get(one.place.file)) for name, one in catalog.pipelines.items()}


def _words(old: Mapping[str, object], new: Mapping[str, object]) -> str:
    told = {
        "changed": [name for name in new if name in old and old[name] != new[name]],
        "added": [name for name in new if name not in old],
        "removed": [name for name in old if name not in new],
    }
    return "; ".join(f"{what} {', '.join(names)}" for what, names in told.items() if names)
