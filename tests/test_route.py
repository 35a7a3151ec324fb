"""Events to pipelines."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from scripted import NOW, catalog, event, expr, failing, order, pipeline, step

from engine.delivery import Routed, Routing
from engine.route import route


def routed(*, on: dict[str, Any] | None = None, config: dict[str, Any] | None = None, **flow: Any) -> Routing:
    return route(event(**(on or {})), catalog(pipeline(step("x"), **flow), config=config))


def the_one(**parts: Any) -> Routed:
    (taken,) = routed(**parts).taken
    return taken


@pytest.mark.parametrize(
    ("pattern", "event_type", "taken"),
    [
        ("SIM/Updated", "SIM/Updated", True),
        ("SIM/Updated", "sim/updated", False),
        ("SIM/Updated", "SIM/UpdatedNot", False),
        ("SIM/*", "SIM/Updated", True),
        ("SIM/*", "SIM/Status/Updated", False),
        ("SIM/*", "SIM/", False),
        ("SIM/*", "SIM", False),
        ("*/Updated", "SIM/Updated", True),
        ("*", "SIM/Updated", False),
        ("**", "SIM/Updated", True),
        ("**", "Anything", True),
        ("Account/**/**", "Account/Status/Suspended", True),
        ("**/**/New", "Account/New", True),
        ("SIM/**", "SIM", True),
        ("SIM/**", "SIM/A/B", True),
        ("SIM/**", "SIMS/A", False),
        ("**/Updated", "Updated", True),
        ("**/Updated", "A/B/Updated", True),
        ("**/Updated", "A/BUpdated", False),
        ("A/**/Z", "A/Z", True),
        ("A/**/Z", "A/B/C/Z", True),
        ("A/**/Z", "AB/Z", False),
        ("SIM.Updated", "SIMxUpdated", False),
    ],
)
def test_one_star_is_one_segment_two_are_any_number(pattern: str, event_type: str, taken: bool) -> None:
    found = routed(on={"event_type": event_type}, events=("Nothing", pattern))
    assert bool(found.taken) is taken
    if not taken:
        assert found.not_taken[0].reason == f"event type: it takes Nothing, {pattern}"


def test_a_pipeline_that_is_off_takes_nothing_and_says_why() -> None:
    (not_taken,) = routed(off="WTL_API_URL is not set").not_taken
    assert not_taken.reason == "off: WTL_API_URL is not set"


def test_a_disabled_pipeline_takes_nothing() -> None:
    assert routed(enabled=False).not_taken[0].reason == "off: enabled: false"


def test_a_false_when_leaves_the_event_and_tells_the_expression() -> None:
    found = routed(when=expr("data.variables.curr_status == 'used'"))
    assert not found.taken
    assert found.not_taken[0].reason == "`when` is false: data.variables.curr_status == 'used'"


def test_when_sees_the_envelope_before_enrichment_and_the_config() -> None:
    condition = "event_id && data.variables.i_account && handler_id == 'p' && created_at && config.on"
    assert routed(when=expr(condition), config={"on": True}).taken


@pytest.mark.parametrize("root", ["pb_data", "updated_at", "status", "vars", "now"])
def test_when_sees_nothing_that_is_not_there_yet(root: str) -> None:
    assert not routed(when=expr(root)).taken


def test_a_failing_when_makes_a_failed_delivery_with_its_place() -> None:
    taken = the_one(when=failing("split takes text"))
    assert taken.failed == "pipelines/p.yaml:7:3: split takes text"


def test_a_failing_order_makes_a_failed_delivery() -> None:
    assert the_one(order=order(failing("no"))).failed == "pipelines/p.yaml:7:3: no"


def test_without_order_there_is_no_lane_and_receipt_is_its_time() -> None:
    taken = the_one()
    assert (taken.lane, taken.mode, taken.position_time, taken.position_event) == (None, "strict", NOW, 0)


@pytest.mark.parametrize(
    ("key", "lane"),
    [
        (5, "p/3/5"),
        ("5", "p/3/5"),
        (5.0, "p/3/5"),
        (True, "p/3/true"),
        ("", "p/3/"),
        (None, None),
        (["a", 1], 'p/3/["a",1]'),
    ],
)
def test_the_key_is_compared_as_text_and_null_is_not_ordered(key: Any, lane: str | None) -> None:
    taken = the_one(on={"variables": {"k": key}, "i_env": "3"}, order=order("data.variables.k"))
    assert taken.lane == lane


def test_the_same_key_of_another_environment_or_pipeline_is_another_lane() -> None:
    lanes = {
        the_one(on={"i_env": env}, order=order("data.variables.i_account"), name=name).lane
        for env in (None, "1", "2")
        for name in ("a", "b")
    }
    assert len(lanes) == 6


def test_a_slash_in_an_environment_does_not_make_it_anothers_lane() -> None:
    one = the_one(on={"i_env": "1/2", "variables": {"k": "3"}}, order=order("data.variables.k")).lane
    other = the_one(on={"i_env": "1", "variables": {"k": "2/3"}}, order=order("data.variables.k")).lane
    assert one != other


def test_a_very_long_key_is_shortened_but_stays_its_own() -> None:
    lanes = {the_one(on={"variables": {"k": "x" * 5000 + end}}, order=order("data.variables.k")).lane for end in "ab"}
    assert len(lanes) == 2
    assert all(lane is not None and len(lane) < 250 for lane in lanes)


@pytest.mark.parametrize(
    ("said", "before_receipt_s"),
    [
        ("2026-03-01 11:59:00", 60),
        ("2026-03-01T11:59:00", 60),
        ("2026-03-01T13:59:00+02:00", 60),
        ("2026-03-01T11:59:00Z", 60),
        ("2026-03-01 12:00:01", 0),  # ahead of receipt
        (NOW.timestamp() - 60, 60),
        (None, 0),
        ("", 0),
    ],
)
def test_the_position_is_the_events_time_but_never_ahead_of_receipt(said: Any, before_receipt_s: int) -> None:
    taken = the_one(on={"variables": {"k": 1, "t": said}}, order=order("data.variables.k", "data.variables.t"))
    assert taken.position_time == NOW - timedelta(seconds=before_receipt_s)


@pytest.mark.parametrize("said", ["yesterday", True, {"a": 1}, "0001-01-01T00:00:00+14:00", 1e300])
def test_a_time_that_is_none_makes_a_failed_delivery_that_shows_it(said: Any) -> None:
    taken = the_one(on={"variables": {"k": 1, "t": said}}, order=order("data.variables.k", "data.variables.t"))
    assert taken.failed is not None
    assert "`order.time` gave" in taken.failed


@pytest.mark.parametrize(
    ("i_event", "number"),
    [("7", 7), ("810001", 810001), (None, 0), ("abc", 0), ("", 0), ("9" * 19, 2**63 - 1), ("9" * 50, 0), ("²", 0)],
)
def test_ties_are_broken_by_i_event_as_a_number(i_event: str | None, number: int) -> None:
    assert the_one(on={"i_event": i_event}).position_event == number


def test_the_mode_is_the_orders() -> None:
    assert the_one(order=order("data.variables.i_account", mode="latest")).mode == "latest"


def test_every_pipeline_is_told_of_taken_or_not() -> None:
    flows = [pipeline(step("x"), name="a"), pipeline(step("x"), name="b", events=("DID/*",))]
    found = route(event(), catalog(*flows))
    assert [one.pipeline for one in found.taken] == ["a"]
    assert [one.pipeline for one in found.not_taken] == ["b"]
