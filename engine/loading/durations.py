"""Text with a unit to a number: durations in seconds, rates per second, sizes in bytes."""

from __future__ import annotations

import re
from typing import Final

SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
BYTES: Final = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}

_NUMBER: Final = r"([0-9]+(?:\.[0-9]+)?)"
_DURATION: Final = re.compile(_NUMBER + r"(ms|s|m|h|d)")
_RATE: Final = re.compile(_NUMBER + r"/(s|m|h|d)")
_SIZE: Final = re.compile(_NUMBER + r"(B|KiB|MiB|GiB)")


class QuantityInvalid(ValueError):
    """Text that is no duration, rate or size; says what one looks like."""


def duration_s(text: str) -> float:
    """Seconds of `500ms`, `5s`, `10m`, `24h`, `30d`. Raises QuantityInvalid."""
    number, unit = _read(_DURATION, text, "a duration is a number and ms, s, m, h or d: `500ms`, `5s`, `10m`")
    return number * SECONDS[unit]


def parse_duration(text: str) -> float | None:
    """Seconds, or None where the text is no duration."""
    try:
        return duration_s(text)
    except QuantityInvalid:
        return None


def rate_per_s(text: str) -> float:
    """Calls per second of `50/s`, `3000/m`. Raises QuantityInvalid, also for no calls at all."""
    number, unit = _read(_RATE, text, "a rate is a number, a slash and s, m, h or d: `50/s`, `3000/m`")
    if number == 0:
        raise QuantityInvalid(f"`{text}` would let nothing through: leave `rate` out, or set `enabled: false`")
    return number / SECONDS[unit]


def size_bytes(text: str) -> int:
    """Bytes of `512KiB`, `4MiB`. Raises QuantityInvalid."""
    number, unit = _read(_SIZE, text, "a size is a number and B, KiB, MiB or GiB: `512KiB`, `4MiB`")
    return int(number * BYTES[unit])


def _read(pattern: re.Pattern[str], text: str, form: str) -> tuple[float, str]:
    found = pattern.fullmatch(text.strip())
    if found is None:
        raise QuantityInvalid(form)
    return float(found[1]), found[2]
