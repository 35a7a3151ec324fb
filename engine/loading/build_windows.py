"""`windows:` of a connector: times of the week at which its system is not called."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from engine.connector import Window
from engine.loading.draft import Draft, items, text, texts
from engine.loading.node import Node
from engine.loading.suggest import nearest
from engine.windows import DAYS, in_force

CODE: Final = "NSPS232"
MIDNIGHT: Final = time(0, 0)
A_MONDAY: Final = datetime(2026, 1, 5, 12, tzinfo=UTC)  # any other would do
_CLOCK: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")


def build_windows(draft: Draft, node: Node | None) -> tuple[Window, ...]:
    """The windows a checked list declares; those that cannot be become findings and are left out."""
    made = (_window(draft, item) for item in items(node) if item.kind == "map")
    windows = tuple(window for window in made if window is not None)
    until = in_force(windows, A_MONDAY)
    if node is not None and until is not None and until - A_MONDAY > timedelta(days=7):
        draft.findings.error(
            CODE,
            "these windows leave no time between them: the system would never be called",
            node,
            notes=("write: when it may not be called; to stop for good or for a while, nsps pause -c NAME",),
        )
    return windows


def _window(draft: Draft, node: Node) -> Window | None:
    begins, ends = node.get("from"), node.get("to")
    from_, to, zone = _time(draft, begins), _time(draft, ends, last=True), _zone(draft, node.get("zone"))
    if from_ is None or to is None or zone is None:
        return None
    if begins is not None and ends is not None and begins.value == ends.value:
        draft.findings.error(
            CODE,
            f"this window begins and ends at {ends.value}",
            ends,
            notes=('write: when it ends; the whole day is from "00:00" to "24:00"',),
        )
        return None
    days = texts(node.get("days"))
    return Window(
        days=tuple(day for day in DAYS if not days or day in days), from_=from_, to=to, zone=zone, place=node.place
    )


def _time(draft: Draft, node: Node | None, last: bool = False) -> time | None:
    if node is None or node.kind != "text" or node.place in draft.filled.placeholders:
        return None
    if last and node.value == "24:00":
        return MIDNIGHT
    found = _CLOCK.fullmatch(node.value)
    if found is None:
        told = '"02:00", "23:30"' + (', at the latest "24:00"' if last else "")
        draft.findings.error(CODE, f"`{node.value}` is no time of day", node, notes=(f"write: HH:MM, such as {told}",))
        return None
    return time(int(found[1]), int(found[2]))


def _zone(draft: Draft, node: Node | None) -> str | None:
    if node is None:
        return "UTC"
    name = text(node)
    if node.kind != "text" or node.place in draft.filled.placeholders:
        return None
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        near = nearest(name, available_timezones())
        hint = f"did you mean: {near}" if near else "write: a place of the IANA database, such as Europe/Kyiv, or UTC"
        draft.findings.error(CODE, f"`{name}` is no time zone", node, notes=(hint,))
        return None
