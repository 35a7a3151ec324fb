"""Schemas and values have the same names, both ways.

By one rule: a duration or size gains its unit (`timeout` is `timeout_s`), a Python keyword a trailing `_`. What differs
otherwise is listed here, with the reason.
"""

from __future__ import annotations

import dataclasses
import json
import keyword
from pathlib import Path
from typing import Any

import pytest

from engine import auth, case, connector, pipeline, settings

SCHEMAS = Path(__file__).resolve().parent.parent / "schemas"
UNITS = {"duration": "_s", "size": "_bytes"}
# Where it stands in a file; why it is off; what tells it apart; what it lacks: nobody writes them.
OURS = {"place", "off", "identity", "unset"}

Part = dict[str, Any]


def schema(name: str) -> Part:
    found: Part = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    return found


def at(name: str, path: str) -> Part:
    """The part of a schema at a path of fields; `NAME` is any member of a map, `[]` any of a list."""
    root = schema(name)
    part = root
    for step in filter(None, path.split("/")):
        part = followed(root, part)
        if step == "NAME":
            part = part["additionalProperties"]
        elif step == "[]":
            part = part["items"]
        elif step.startswith("$"):
            part = root["$defs"][step[1:]]
        else:
            part = part["properties"][step]
    return followed(root, part)


def followed(root: Part, part: Part) -> Part:
    while "$ref" in part:
        part = root["$defs"][part["$ref"].removeprefix("#/$defs/")]
    return part


def field_name(name: str, part: Part) -> str:
    """What the dataclass calls a field of a schema."""
    unit = UNITS.get(part.get("$ref", "").removeprefix("#/$defs/"), "")
    if part.get("pattern", "").endswith("(ms|s|m|h|d)$"):
        unit = "_s"
    named = f"{name}_" if keyword.iskeyword(name) and not unit else name
    return f"{named}{unit}"


# value, schema, path in it, fields only in YAML, fields only in the value
PAIRS: list[tuple[type, str, str, set[str], set[str]]] = [
    (settings.Settings, "nsps", "", set(), set()),
    (settings.Receive, "nsps", "receive", set(), set()),
    (settings.EspfReceiver, "nsps", "receive/espf", set(), set()),
    (settings.EspfAuth, "nsps", "receive/espf/auth", set(), set()),
    (settings.Credential, "nsps", "receive/espf/auth/basic/[]", set(), set()),
    (settings.CustomCredential, "nsps", "receive/espf/auth/custom/[]", set(), set()),
    (settings.NspsReceiver, "nsps", "receive/nsps", set(), set()),
    (settings.NspsAuth, "nsps", "receive/nsps/auth", set(), set()),
    # a policy's name is its key
    (settings.RetryPolicy, "nsps", "retries/NAME", set(), {"name"}),
    (settings.RetryPhase, "nsps", "retries/NAME/main", set(), set()),
    (settings.Retention, "nsps", "keep", set(), set()),
    (settings.InFlight, "nsps", "in_flight", set(), set()),
    # `connector:` is the name; `verdicts` and `reply` are spread over the operations
    (connector.Connector, "connector", "", {"connector", "verdicts", "reply"}, {"name"}),
    (connector.Limits, "connector", "limits", set(), set()),
    (connector.Breaker, "connector", "breaker", set(), set()),
    (connector.Window, "connector", "$window", set(), set()),
    (connector.Tls, "connector", "tls", set(), set()),
    (connector.VerdictRule, "connector", "$verdict_rule", set(), set()),
    (connector.RequestTemplate, "connector", "$request", set(), set()),
    # an operation knows its connector, and its name is its key; with `request` it has no `steps`, and the other way round
    (connector.Operation, "connector", "$request_operation", set(), {"connector", "name", "steps"}),
    (
        connector.Operation,
        "connector",
        "$steps_operation",
        set(),
        {"connector", "name", "request", "reply", "verdicts", "example"},
    ),
    # `with` is `arguments`; what an enrichment waits for is found in its expressions
    (connector.Enrichment, "connector", "$enrichment", {"with_"}, {"connector", "name", "arguments", "waits_for"}),
    # `call` is connector and operation; `once` is for pipelines
    (connector.Step, "connector", "$step", {"call", "with_"}, {"connector", "operation", "arguments", "once"}),
    (connector.Step, "pipeline", "$step", {"call", "with_"}, {"connector", "operation", "arguments"}),
    (auth.NoAuth, "connector", "$auth_none", set(), set()),
    (auth.BasicAuth, "connector", "$auth_basic", set(), set()),
    (auth.BearerAuth, "connector", "$auth_bearer", set(), set()),
    (auth.HeaderAuth, "connector", "$auth_header", set(), set()),
    (auth.QueryAuth, "connector", "$auth_query", set(), set()),
    (auth.OAuth2Auth, "connector", "$auth_oauth2_client_credentials", set(), set()),
    (auth.SessionAuth, "connector", "$auth_session", set(), set()),
    (auth.Apply, "connector", "$auth_session/apply", set(), set()),
    # `pipeline:` is the name
    (pipeline.Pipeline, "pipeline", "", {"pipeline"}, {"name"}),
    (pipeline.Order, "pipeline", "order", set(), set()),
    (pipeline.SkipRule, "pipeline", "skip/[]", set(), set()),
    # `tests` are its cases, and its name is its file
    (case.TestFile, "test", "$pipeline_tests", {"tests"}, {"cases", "file", "connector"}),
    (case.TestFile, "test", "$connector_tests", {"tests"}, {"cases", "file", "pipeline"}),
    # one event is a list of one; so is what is expected of it
    (case.Case, "test", "$pipeline_test", {"event", "expect"}, {"expects", "call", "enrich", "with_"}),
    (case.Case, "test", "$connector_test", {"expect"}, {"expects", "events"}),
]


@pytest.mark.parametrize(
    ("value", "name", "path", "only_yaml", "only_value"),
    PAIRS,
    ids=[f"{value.__name__}-{name}-{path or 'root'}" for value, name, path, *_ in PAIRS],
)
def test_a_schema_and_its_value_have_the_same_names(
    value: type, name: str, path: str, only_yaml: set[str], only_value: set[str]
) -> None:
    written = {field_name(field, part) for field, part in at(name, path)["properties"].items()}
    held = {field.name for field in dataclasses.fields(value)} - OURS
    assert sorted(written - held) == sorted(only_yaml)
    assert sorted(held - written) == sorted(only_value)


def test_every_value_that_is_written_in_yaml_is_compared() -> None:
    compared = {pair[0] for pair in PAIRS}
    built = {
        connector.Argument,
        pipeline.Ask,
        pipeline.MapEntry,
        case.Expect,
        case.ExpectedRequest,
    }  # of keys, or plain
    modules = (auth, case, connector, pipeline, settings)
    values = {
        found
        for module in modules
        for found in vars(module).values()
        if isinstance(found, type) and dataclasses.is_dataclass(found) and found.__module__ == module.__name__
    }
    assert values == compared | built


def default_of(value: type, field: str) -> object:
    found = next(known for known in dataclasses.fields(value) if known.name == field)
    return found.default


@pytest.mark.parametrize(
    ("value", "name", "path"), [pair[:3] for pair in PAIRS], ids=[f"{pair[0].__name__}-{pair[2]}" for pair in PAIRS]
)
def test_a_schema_says_the_defaults_that_its_value_has(value: type, name: str, path: str) -> None:
    held = {field.name for field in dataclasses.fields(value)}
    for field, part in at(name, path)["properties"].items():
        own = field_name(field, part)
        if "default" in part and own in held and not own.endswith(("_s", "_bytes")):
            assert default_of(value, own) == part["default"], field
