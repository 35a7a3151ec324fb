"""A pipeline's file as a value."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.pipeline import Pipeline
from tests.loading.projects import checked, lines, sound_in

FULL = """
pipeline: hss
description: Keeps it in step
events: [SIM/Updated, "Subscriber/*"]
when: data.variables.i_account
order: {key: data.variables.i_account, time: data.variables.event_time}
retry: none
enrich:
  - billing.account_info
  - {ask: billing.sim_info, optional: true}
map:
  imsi?: pb_data.sim_info.imsi
  subscriber: {imsi: vars.imsi, active: true, level: 5, tags: ["'a'", vars.imsi]}
  granted: true
skip:
  - {when: "!(vars.imsi)", reason: "none for {{ data.event_type }}", answer: 404}
search: {imsi: vars.imsi}
dispatch:
  - id: first
    call: hss.sync
    when: vars.subscriber
    once: vars.imsi
  - call: hss.create
    for_each: "[vars.imsi]"
    with: {imsi: item}
    optional: true
"""


@pytest.fixture
def full(tmp_path: Path) -> Pipeline:
    folder = sound_in(tmp_path / "project")
    (folder / "pipelines/hss.yaml").write_text(FULL)
    (folder / "pipelines/hss.test.yaml").unlink()
    loaded = checked(folder)
    assert loaded.catalog is not None, lines(loaded)
    return loaded.catalog.pipelines["hss"]


def test_events_order_and_retry_are_as_written(full: Pipeline) -> None:
    assert full.events == ("SIM/Updated", "Subscriber/*")
    assert (full.retry, full.enabled, full.needs, full.off) == ("none", True, (), None)
    assert full.order is not None and full.order.mode == "strict"
    assert full.order.key.evaluate({"data": {"variables": {"i_account": 5}}}) == 5


def test_an_enrichment_may_be_optional(full: Pipeline) -> None:
    assert [(ask.connector, ask.enrichment, ask.optional) for ask in full.enrich] == [
        ("billing", "account_info", False),
        ("billing", "sim_info", True),
    ]


def test_map_entries_keep_their_order_and_a_question_mark_allows_null(full: Pipeline) -> None:
    assert [(entry.name, entry.nullable) for entry in full.map] == [
        ("imsi", True),
        ("subscriber", False),
        ("granted", False),
    ]


def test_yaml_builds_values_where_an_expression_stands(full: Pipeline) -> None:
    built = full.map[1].value.evaluate({"vars": {"imsi": "001"}})
    assert built == {"imsi": "001", "active": True, "level": 5, "tags": ["a", "001"]}


def test_a_skip_rule_has_a_reason_and_an_answer(full: Pipeline) -> None:
    (rule,) = full.skip
    assert rule.when.evaluate({"vars": {}}) is True
    assert (
        rule.reason is not None
        and rule.reason.render({"data": {"event_type": "SIM/Updated"}}) == "none for SIM/Updated"
    )
    assert rule.answer == 404


def test_steps_are_as_written(full: Pipeline) -> None:
    first, second = full.dispatch
    assert (first.id, first.connector, first.operation, first.arguments) == ("first", "hss", "sync", None)
    assert first.once is not None and first.once.evaluate({"vars": {"imsi": "001"}}) == "001"
    assert (second.id, second.optional) == ("create", True)
    assert second.arguments is not None and second.arguments["imsi"].evaluate({"item": "001"}) == "001"


def test_each_value_knows_its_place(full: Pipeline) -> None:
    assert str(full.map[0].place) == "pipelines/hss.yaml:12:3"
    assert str(full.dispatch[0].place).startswith("pipelines/hss.yaml:19:")
