"""Text with a unit to a number."""

from __future__ import annotations

import pytest

from engine.loading.durations import QuantityInvalid, duration_s, parse_duration, rate_per_s, size_bytes


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("5s", 5.0), ("1.5s", 1.5), ("10m", 600.0), ("24h", 86400.0), ("30d", 2592000.0), ("0s", 0.0)],
)
def test_a_duration_is_seconds(text: str, seconds: float) -> None:
    assert duration_s(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "5", "5 s", "s", "-5s", "5S", "5min", "1h30m", "٥s"])
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(QuantityInvalid, match="500ms"):
        duration_s(text)
    assert parse_duration(text) is None


@pytest.mark.parametrize(("text", "per_second"), [("50/s", 50.0), ("3000/m", 50.0), ("3600/h", 1.0), ("0.5/s", 0.5)])
def test_a_rate_is_calls_per_second(text: str, per_second: float) -> None:
    assert rate_per_s(text) == pytest.approx(per_second)


@pytest.mark.parametrize("text", ["50", "50/ms", "0/s", "50 /s"])
def test_anything_else_is_no_rate(text: str) -> None:
    with pytest.raises(QuantityInvalid):
        rate_per_s(text)


@pytest.mark.parametrize(("text", "size"), [("512B", 512), ("1KiB", 1024), ("4MiB", 4 * 1024**2), ("1.5KiB", 1536)])
def test_a_size_is_bytes(text: str, size: int) -> None:
    assert size_bytes(text) == size


@pytest.mark.parametrize("text", ["4MB", "4", "4 MiB", "-1B"])
def test_anything_else_is_no_size(text: str) -> None:
    with pytest.raises(QuantityInvalid, match="4MiB"):
        size_bytes(text)
