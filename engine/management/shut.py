"""When connectors are not called: their windows, for `nsps status` and for what a process says when it starts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from engine.catalog import Catalog
from engine.windows import in_force, in_words, next_start


def windows_now(catalog: Catalog, now: datetime) -> dict[str, dict[str, Any]]:
    """By connector: {windows: [words], until: end of those in force, next: the next one's beginning}."""
    return {
        name: {
            "windows": [in_words(window) for window in connector.windows],
            "until": in_force(connector.windows, now),
            "next": next_start(connector.windows, now),
        }
        for name, connector in catalog.connectors.items()
        if connector.windows
    }


def window_lines(told: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """ "hss: sun 02:00-04:00 Europe/Kyiv; next 2026-01-04 00:00 UTC"."""
    for name, one in told.items():
        words = ", ".join(one["windows"])
        if one["until"] is not None:
            yield f"{name}: {words}; in force until {_instant(one['until'])}"
        elif one["next"] is not None:
            yield f"{name}: {words}; next {_instant(one['next'])}"


def _instant(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
