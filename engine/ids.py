"""Ids we give: events get a UUID whose beginning is its time, so that they sort as they came."""

from __future__ import annotations

import re
from datetime import datetime

from engine.chance import twelve_bytes

_B3_TRACE_ID = re.compile(rb"[0-9a-fA-F]{16}(?:[0-9a-fA-F]{16})?")


def new_event_id(now: datetime) -> str:
    """A UUID of version 7 (RFC 9562 §5.7) as text."""
    milliseconds = int(now.timestamp() * 1000) & 0xFFFFFFFFFFFF
    chance = int.from_bytes(twelve_bytes()[:10], "big")
    high = (milliseconds << 16) | 0x7000 | (chance >> 68)
    low = (0b10 << 62) | (chance & 0x3FFFFFFFFFFFFFFF)
    digits = f"{high:016x}{low:016x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def trace_of(event_id: str) -> str:
    """The trace id of an event that brought none: 32 hex digits, those of the id we gave."""
    return event_id.replace("-", "")


def b3_trace_id(value: bytes) -> str | None:
    """The trace id a sender gave (B3: 16 or 32 hex digits), None when it is none."""
    return value.decode().lower() if _B3_TRACE_ID.fullmatch(value) and value.strip(b"0") else None
