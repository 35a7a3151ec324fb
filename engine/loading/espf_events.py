"""The event types ESPF is known to send (domain.md 1.3), and what a pattern of `events` can match.

The list is what public documentation and code show; an installation may send more. So an unknown type is a warning, never
an error.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

_QUOTA: Final = tuple(
    f"Account/Service/{service}{what}"
    for service in ("", "Msg/", "Netaccess/")
    for what in ("QuotaExceeded", "QuotaExpired")
)

GROUPED: Final = (
    *(f"Subscriber/{what}" for what in ("Created", "Updated", "Deleted")),
    *(f"Customer/{what}" for what in ("Created", "Updated", "Deleted")),
    *(f"Invoice/{what}" for what in ("Created", "Updated")),
    *(f"DID/{what}" for what in ("Created", "Updated", "Deleted")),
    *(f"SIM/{what}" for what in ("Created", "Updated", "Deleted", "Replaced")),
)

RAW: Final = (
    "Account/New",
    "Account/ID/Changed",
    "Account/Product/Changed",
    *(f"Account/ProductAddon/{what}" for what in ("Inserted", "Changed", "Deleted")),
    "Account/ServiceAttribute/Changed",
    "Account/CustomField/Changed",
    "Account/Discount/Changed",
    "Account/Password/Changed",
    "Account/SIMCardAssignment",
    "Account/Blocked",
    "Account/Unblocked",
    *(f"Account/Status/{what}" for what in ("Suspend", "Unsuspend", "Suspended", "SuspensionRemoved")),
    *_QUOTA,
    "Account/BalanceChanged",
    "Customer/BalanceChanged",
    *(f"Customer/Status/{what}" for what in ("Limited", "Suspend", "Suspended")),
)

KNOWN: Final = frozenset((*GROUPED, *RAW))


def is_pattern(event: str) -> bool:
    """Whether an entry of `events` has a wildcard."""
    return "*" in event


def malformed_segment(pattern: str) -> str | None:
    """The first segment in which a `*` does not stand alone or that is empty; such a pattern never matches."""
    for segment in pattern.split("/"):
        if not segment.strip() or ("*" in segment and segment not in ("*", "**")):
            return segment
    return None


def known_matches(pattern: str) -> bool:
    """Whether any known event type matches: `*` is one segment, `**` any number, also none."""
    wanted = tuple(pattern.split("/"))
    return any(_matches(wanted, tuple(known.split("/"))) for known in KNOWN)


def written_otherwise(event_type: str, patterns: Iterable[str] = ()) -> tuple[str, ...]:
    """A note when this type is a known one, or one of `patterns`, but for capitals and surrounding spaces; else none."""
    known = {*KNOWN, *(pattern for pattern in patterns if not is_pattern(pattern))}
    plain = {one.strip().lower(): one for one in sorted(known)}
    meant = None if event_type in known else plain.get(event_type.strip().lower())
    return () if meant is None else (f"{event_type!r} is not {meant}: event types are compared letter by letter",)


def covers(pattern: str, others: Iterable[str]) -> str | None:
    """The first of `others` that takes every event `pattern` takes, as far as the known types and its text show."""
    wanted = tuple(pattern.split("/"))
    return next((other for other in others if other != pattern and _matches(tuple(other.split("/")), wanted)), None)


@lru_cache(maxsize=4096)
def _matches(pattern: tuple[str, ...], segments: tuple[str, ...]) -> bool:
    if not pattern:
        return not segments
    if pattern[0] == "**":
        return any(_matches(pattern[1:], segments[skip:]) for skip in range(len(segments) + 1))
    if not segments:
        return False
    return pattern[0] in ("*", segments[0]) and _matches(pattern[1:], segments[1:])
