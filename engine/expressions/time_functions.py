"""Instants as JSON has them: text, or seconds since 1970 in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from engine.expressions.invalid import FunctionFailed
from engine.expressions.kinds import shown

_DIRECTIVE = re.compile(r"%(.?)", re.DOTALL)
_DIRECTIVES = frozenset("YmdHMSfjyIpzaAbBuGV%")
MAX_FORMAT = 200


def parse_time(text: str) -> int | float:
    """Seconds since 1970-01-01 UTC of ISO 8601 or `YYYY-MM-DD HH:MM:SS`; without an offset it is UTC."""
    try:
        instant = datetime.fromisoformat(text.strip())
        aware = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
        seconds = aware.timestamp()
    except (ValueError, OverflowError) as error:
        raise FunctionFailed(
            f"parse_time: {shown(text)} is no time; it takes ISO 8601 or YYYY-MM-DD HH:MM:SS"
        ) from error
    return int(seconds) if seconds.is_integer() else seconds


def format_fault(text: str) -> str | None:
    """What is wrong with a format of format_time, None when nothing is."""
    if len(text) > MAX_FORMAT:
        return f"the format has {len(text)} characters; at most {MAX_FORMAT} are allowed"
    unknown = [found for found in _DIRECTIVE.findall(text) if found not in _DIRECTIVES or not found]
    if unknown:
        return (
            f"%{unknown[0]} is no part of a time; it knows %Y %m %d %H %M %S %f %j %y %I %p %z %a %A %b %B %u %G %V %%"
        )
    return None


def format_time(seconds: float, text: str) -> str:
    """The instant, in UTC, in a format of strftime: `%Y-%m-%dT%H:%M:%SZ`."""
    wrong = format_fault(text)
    if wrong:
        raise FunctionFailed(f"format_time: {wrong}")
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime(text)
    except (ValueError, OverflowError, OSError) as error:
        raise FunctionFailed(f"format_time: {shown(seconds)} is out of range for a time in seconds") from error
