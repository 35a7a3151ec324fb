"""Instants as the store keeps them: whole microseconds since 1970, UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND_US = 1_000_000


def micros(at: datetime) -> int:
    """Microseconds since 1970, exact (a float of seconds would round)."""
    since = at - EPOCH
    return (since.days * 86_400 + since.seconds) * SECOND_US + since.microseconds


def instant(at_us: int) -> datetime:
    """The aware UTC datetime of `at_us`."""
    return EPOCH + timedelta(microseconds=at_us)


def micros_or_none(at: datetime | None) -> int | None:
    return None if at is None else micros(at)


def instant_or_none(at_us: int | None) -> datetime | None:
    return None if at_us is None else instant(at_us)
