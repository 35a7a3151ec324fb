"""The catalogue of event types, and patterns as the router reads them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from engine.event import Event
from engine.loading.espf_events import KNOWN, covers, known_matches, malformed_segment
from engine.pipeline import Pipeline
from engine.route import route
from tests.loading.projects import SOUND, checked

PATTERNS = [
    "**", "*", "*/*", "*/*/*", "SIM/*", "SIM/**", "Account/*", "Account/**", "Account/**/QuotaExceeded", "**/Changed",
    "Account/*/Changed", "Sim/*", "SIM", "SIM/Updated/**", "**/SIM/**", "*/**/Msg/*",
]  # fmt: skip


def taken(pattern: str) -> set[str]:
    """What a pipeline with this pattern takes of the known types, by the router itself."""
    catalog = checked(SOUND).catalog
    assert catalog is not None
    pipeline = Pipeline(name="p", events=(pattern,))
    object.__setattr__(catalog, "pipelines", {"p": pipeline})
    return {name for name in KNOWN if route(event(name), catalog).taken}


def event(event_type: str) -> Event:
    return Event(
        id="e", source="espf", received_at=datetime(2026, 1, 1, tzinfo=UTC), event_type=event_type,
        data={"event_type": event_type, "variables": {}}, body=b"{}",
    )  # fmt: skip


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_matches_what_the_router_takes(pattern: str) -> None:
    assert known_matches(pattern) is bool(taken(pattern))


def test_the_catalogue_has_what_espf_documents() -> None:
    assert {
        "SIM/Updated",
        "Subscriber/Created",
        "Account/Status/Suspended",
        "Account/Service/Msg/QuotaExceeded",
    } <= KNOWN


@pytest.mark.parametrize(
    ("pattern", "segment"), [("SIM/Upd*", "Upd*"), ("SIM//x", ""), ("***", "***"), ("SIM/*", None)]
)
def test_a_star_stands_alone_in_its_segment(pattern: str, segment: str | None) -> None:
    assert malformed_segment(pattern) == segment


def test_what_another_entry_takes_already_is_found() -> None:
    assert covers("SIM/Updated", ["SIM/Updated", "SIM/*"]) == "SIM/*"
    assert covers("SIM/*", ["SIM/*", "SIM/Updated"]) is None
