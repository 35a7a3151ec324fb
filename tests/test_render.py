"""Requests with their holes filled."""

from __future__ import annotations

from typing import Any

import pytest
from scripted import PLACE, tree, words

from engine.connector import RequestTemplate
from engine.errors import OursFailed
from engine.render import render
from engine.request import HttpRequest


def rendered(scope: Any = None, headers: Any = None, **parts: Any) -> HttpRequest:
    path = words(parts.pop("path", "/x"), "url")
    for name in ("query", "form", "json"):
        if name in parts:
            parts[name] = tree(parts[name])
    for name, escape in (("xml", "xml"), ("text", "none")):
        if name in parts:
            parts[name] = words(parts[name], escape)
    parts["headers"] = {name: words(text, "header") for name, text in parts.get("headers", {}).items()}
    template = RequestTemplate(method=parts.pop("method", "POST"), path=path, place=PLACE, **parts)
    connectors = {name: words(text, "header") for name, text in (headers or {}).items()}
    return render(template, connectors, {"args": scope or {}, "config": {}, "session": {}})


def failure(**parts: Any) -> OursFailed:
    with pytest.raises(OursFailed) as failed:
        rendered(**parts)
    return failed.value


def test_values_in_a_path_are_percent_encoded() -> None:
    assert rendered({"id": "a/b c?d#e"}, path="/s/{{ args.id }}/x").path == "/s/a%2Fb%20c%3Fd%23e/x"


@pytest.mark.parametrize(("path", "became"), [("/prov", "/prov"), ("prov", "/prov"), ("//prov", "/prov"), ("", "")])
def test_one_slash_stands_before_the_path(path: str, became: str) -> None:
    assert rendered(path=path).path == became


@pytest.mark.parametrize("value", ["..", "."])
def test_a_value_cannot_lead_to_another_address(value: str) -> None:
    assert "climb to another address" in failure(scope={"id": value}, path="/s/{{ args.id }}/x").reason


def test_query_and_form_repeat_the_key_of_a_list() -> None:
    scope = {"ids": [1, 2], "on": True, "f": 2.0, "t": "a b"}
    parts = {"id": "{{ args.ids }}", "on": "{{ args.on }}", "f": "{{ args.f }}", "t": "{{ args.t }}"}
    pairs = (("id", "1"), ("id", "2"), ("on", "true"), ("f", "2"), ("t", "a b"))
    assert rendered(scope, query=parts).query == pairs
    request = rendered(scope, form=parts)
    assert (request.body, request.content) == ("form", list(pairs))


def test_omit_drops_a_key_everywhere() -> None:
    leaf = {"a": "{{ args.a | default(omit) }}", "b": 1}
    assert rendered(query=leaf).query == (("b", "1"),)
    assert rendered(form=leaf).content == [("b", "1")]
    assert rendered(json=leaf).content == {"b": 1}
    assert rendered(headers={"x-a": "{{ args.a | default(omit) }}"}).headers == ()


def test_null_in_a_query_or_form_is_an_error_that_says_what_to_write() -> None:
    failed = failure(scope={"a": None}, query={"a": "{{ args.a }}"})
    assert failed.reason == "`query.a` is null, which is no text; write `| default(omit)` if it may be missing"


def test_an_object_in_a_query_is_an_error() -> None:
    assert "`| to_json`" in failure(scope={"a": {"b": 1}}, form={"a": "{{ args.a }}"}).reason


def test_json_keeps_types_and_nulls() -> None:
    scope = {"n": "79123456789", "i": 5, "b": False, "z": None, "l": [1]}
    template = {name: f"{{{{ args.{name} }}}}" for name in scope}
    request = rendered(scope, json=template)
    assert (request.body, request.content) == ("json", scope)


def test_undefined_in_a_request_is_an_error() -> None:
    assert failure(json={"a": "{{ args.nothing }}"}).place == PLACE


def test_xml_and_text_are_text() -> None:
    assert rendered({"a": "<&"}, xml="<x>{{ args.a }}</x>").content == "<x>&lt;&amp;</x>"
    request = rendered({"a": True}, text="on={{ args.a }}")
    assert (request.body, request.content) == ("text", "on=true")


def test_without_a_body_there_is_none() -> None:
    assert (rendered(method="GET").body, rendered(method="GET").method) == (None, "GET")


def test_an_operations_header_replaces_the_connectors_of_that_name() -> None:
    request = rendered({"v": "2"}, headers={"Accept": "a", "X-Api": "1"})
    assert request.headers == (("Accept", "a"), ("X-Api", "1"))


def test_a_control_character_in_a_header_is_an_error() -> None:
    template = RequestTemplate(method="GET", path=words("/", "url"), headers={"x-a": words("{{ args.a }}", "header")})
    with pytest.raises(OursFailed):
        render(template, {}, {"args": {"a": "1\r\nx-b: 2"}})


def test_headers_of_both_come_with_the_operations_last() -> None:
    own = {"x-API": words("{{ args.v }}", "header")}
    template = RequestTemplate(method="GET", path=words("/", "url"), headers=own)
    connectors = {"Accept": words("a"), "X-Api": words("1")}
    assert render(template, connectors, {"args": {"v": "2"}}).headers == (("Accept", "a"), ("x-API", "2"))


def test_a_query_that_is_no_object_is_an_error() -> None:
    assert "must be names with values" in failure(query=["a"]).reason
