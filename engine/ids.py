"""Ids we give: events get a UUID whose beginning is its time, so that they sort as they came."""

from __future__ import annotations

import os
import re
from datetime import datetime

_B3_TRACE_ID = re.compile(rb"[0-9a-fA-F]{16}(?:[0-9a-fA-F]{16})?")

_DRAWN_AT_ONCE = 400
_chances: list[bytes] = []


def new_event_id(now: datetime) -> str:
    """A UUID of version 7 (RFC 9562 §5.7) as text."""
    milliseconds = int(now.timestamp() * 1000) & 0xFFFFFFFFFFFF
    chance = int.from_bytes(_chance(), "big")
    high = (milliseconds << 16) | 0x7000 | (chance >> 68)
    low = (0b10 << 62) | (chance & 0x3FFFFFFFFFFFFFFF)
    digits = f"{high:016x}{low:016x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _chance() -> bytes:
    """Ten random bytes that are used once. Asking the system for each lets go of the interpreter, and other threads take it."""
    while True:
        try:
            return _chances.pop()
        except IndexError:
            drawn = os.urandom(10 * _DRAWN_AT_ONCE)
            _chances.extend(drawn[at : at + 10] for at in range(0, len(drawn), 10))


os.register_at_fork(after_in_child=_chances.clear)  # a copy of this process draws its own


def trace_of(event_id: str) -> str:
    """The trace id of an event that brought none: 32 hex digits, those of the id we gave."""
    return event_id.replace("-", "")


def b3_trace_id(value: bytes) -> str | None:
    """The trace id a sender gave (B3: 16 or 32 hex digits), None when it is none."""
    return value.decode().lower() if _B3_TRACE_ID.fullmatch(value) and value.strip(b"0") else None
