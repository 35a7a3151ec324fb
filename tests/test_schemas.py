"""The JSON Schemas: the contract an editor and the documentation read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

SCHEMAS = Path(__file__).resolve().parent.parent / "schemas"
NAMES = ("nsps", "connector", "pipeline", "test")
SECRET = {"password", "token", "client_secret", "proxy", "store", "queue"}

Part = dict[str, Any]


def schema(name: str) -> Part:
    found: Part = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    return found


def parts(part: Part, path: str = "#") -> Iterator[tuple[str, Part]]:
    """Every schema inside a schema, with its path."""
    yield path, part
    for keyword in ("properties", "$defs"):
        for name, child in part.get(keyword, {}).items():
            yield from parts(child, f"{path}/{keyword}/{name}")
    for keyword in ("items", "additionalProperties", "propertyNames"):
        if isinstance(part.get(keyword), dict):
            yield from parts(part[keyword], f"{path}/{keyword}")
    for keyword in ("oneOf", "anyOf"):
        for index, child in enumerate(part.get(keyword, ())):
            yield from parts(child, f"{path}/{keyword}/{index}")


def described(root: Part) -> Iterator[tuple[str, Part]]:
    """The schemas that describe a value: not those that only refer or only say which fields go together."""
    for path, part in parts(root):
        if set(part) - {"required", "not", "$ref"}:
            yield path, part


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_one_of_draft_2020_12_with_a_relative_id(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema(name))
    assert schema(name)["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema(name)["$id"] == f"{name}.schema.json"


@pytest.mark.parametrize("name", NAMES)
def test_everything_has_a_title_a_description_and_examples(name: str) -> None:
    silent = [path for path, part in described(schema(name)) if not {"title", "description", "examples"} <= set(part)]
    assert silent == []


@pytest.mark.parametrize("name", NAMES)
def test_descriptions_are_sentences_and_titles_are_not(name: str) -> None:
    for path, part in described(schema(name)):
        assert part["title"] == part["title"].strip() and not part["title"].endswith("."), path
        assert part["description"].endswith("."), path
        assert part["examples"], path


@pytest.mark.parametrize("name", NAMES)
def test_examples_fit_what_they_are_examples_of(name: str) -> None:
    root = schema(name)
    for path, part in described(root):
        validator = jsonschema.Draft202012Validator({**part, "$defs": root["$defs"]})
        for example in part["examples"]:
            assert [error.message for error in validator.iter_errors(example)] == [], (path, example)


@pytest.mark.parametrize("name", NAMES)
def test_defaults_fit_what_they_are_defaults_of(name: str) -> None:
    root = schema(name)
    for path, part in described(root):
        if "default" in part:
            jsonschema.Draft202012Validator({**part, "$defs": root["$defs"]}).validate(part["default"]), path


@pytest.mark.parametrize("name", NAMES)
def test_a_mapping_says_what_may_stand_in_it(name: str) -> None:
    """Plain values of tests are the user's own; everything else is closed."""
    free = {"event", "vars", "pb_data", "with", "query", "form"}
    for path, part in described(schema(name)):
        if part.get("type") == "object" and path.rsplit("/", 1)[-1] not in free:
            assert "additionalProperties" in part, path


@pytest.mark.parametrize("name", NAMES)
def test_secrets_are_write_only(name: str) -> None:
    for path, part in described(schema(name)):
        field = path.rsplit("/", 1)[-1]
        if field in SECRET and "/properties/" in path and "/examples" not in path:
            assert part.get("writeOnly"), path
    if name == "nsps":
        bearer = schema(name)["properties"]["receive"]["properties"]["nsps"]["properties"]["auth"]["properties"][
            "bearer"
        ]
        assert bearer["items"]["writeOnly"]


@pytest.mark.parametrize("name", NAMES)
def test_every_reference_leads_to_a_definition_and_every_definition_is_used(name: str) -> None:
    used = set(re.findall(r'"\$ref": "#/\$defs/(\w+)"', (SCHEMAS / f"{name}.schema.json").read_text()))
    assert used == set(schema(name)["$defs"])


def test_a_definition_means_the_same_in_every_schema() -> None:
    own = {"step", "example", "request"}  # a pipeline's step may say `once`; an expected request is no request to send
    seen: dict[str, tuple[str, Part]] = {}
    for name in NAMES:
        for key, part in schema(name)["$defs"].items():
            if key not in own:
                first, same = seen.setdefault(key, (name, part))
                assert part == same, f"{key} in {first} and {name}"


@pytest.mark.parametrize("name", NAMES)
def test_no_schema_names_a_host_but_that_of_json_schema_and_of_examples(name: str) -> None:
    hosts = set(re.findall(r"https?://(\w[\w.-]+)", (SCHEMAS / f"{name}.schema.json").read_text()))
    assert {host for host in hosts if not host.endswith("example.com")} <= {"json-schema.org"}


VALID = {
    "duration": ["500ms", "5s", "10m", "24h", "30d", "${TIMEOUT:-5s}"],
    "rate": ["50/s", "3000/m", "${RATE}"],
    "size": ["4MiB", "512KiB", "1GiB", "100B"],
    "name": ["wtl-hss", "a", "portabilling", "hss_2"],
    "id": ["found", "account_info", "a1"],
    "optional_name": ["imsi", "imsi?"],
}
INVALID = {
    "duration": ["5", "5 s", "5sec", "-5s", "s", "1h30m", "5S", "", "x${A}"],
    "rate": ["50", "50/sec", "/s", "50 / s"],
    "size": ["4MB", "4 MiB", "4", "4mib"],
    "name": ["WTL", "-a", "1a", "a b", "", "a.b", "a/b"],
    "id": ["Found", "a-b", "1a", "", "a?", "a.b", "_a"],
    "optional_name": ["imsi??", "?", "imsi ?"],
}


@pytest.mark.parametrize("name", VALID)
def test_the_forms_of_text_take_what_they_should_and_no_more(name: str) -> None:
    validator = jsonschema.Draft202012Validator(schema("connector")["$defs"][name])
    assert [text for text in VALID[name] if not validator.is_valid(text)] == []
    assert [text for text in INVALID[name] if validator.is_valid(text)] == []
    assert not validator.is_valid(5)
