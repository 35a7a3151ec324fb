"""An HttpRequest as it goes onto the wire."""

from __future__ import annotations

from typing import Any

import pytest

from engine.errors import OursFailed
from engine.request import HttpRequest
from engine.transports.http_message import body_of, describe, headers_of, url_of


def get(path: str, **more: Any) -> HttpRequest:
    return HttpRequest(method="GET", path=path, **more)


@pytest.mark.parametrize(
    ("base", "path", "url"),
    [
        ("http://h/rest", "/Account/get", "http://h/rest/Account/get"),
        ("http://h/rest/", "/Account/get", "http://h/rest/Account/get"),
        ("http://h/rest/", "Account/get", "http://h/rest/Account/get"),
        ("http://h", "/", "http://h/"),
        ("http://h/rest", "", "http://h/rest"),
        ("http://h/rest/", "", "http://h/rest/"),
        ("http://h/rest/", "/a//b/", "http://h/rest/a//b/"),
    ],
)
def test_the_path_is_appended_with_exactly_one_slash_between(base, path, url):
    assert url_of(base, get(path)) == url


def test_the_queries_of_base_path_and_request_are_merged():
    request = get("/x?b=2", query=(("c", "ä &=+"), ("c", "4")))
    assert url_of("http://h/y?a=1", request) == "http://h/y/x?a=1&b=2&c=%C3%A4%20%26%3D%2B&c=4"


def test_what_is_encoded_stays_and_what_would_end_the_path_is_encoded():
    assert url_of("http://h", get("/a%2Fb/ä b#c\\d/o'e@f:g;h=i")) == "http://h/a%2Fb/%C3%A4%20b%23c%5Cd/o'e@f:g;h=i"


@pytest.mark.parametrize("path", ["..", "/..", "/a/../b", "/a/.", "/a/%2e%2E", "/a/.%2e/b"])
def test_a_path_that_climbs_is_refused(path):
    with pytest.raises(OursFailed, match="another place"):
        url_of("http://h", get(path))


@pytest.mark.parametrize("path", ["/a..b/...", "/v1.2/.well-known", "/x?to=../y"])
def test_dots_in_names_are_names(path):
    assert url_of("http://h", get(path)) == "http://h" + path


def test_json_keeps_every_digit_and_every_letter():
    content = {"iccid": 893100000000000000012345678901, "name": "Åsa"}
    body = body_of(HttpRequest(method="POST", path="/", body="json", content=content))
    assert body == b'{"iccid":893100000000000000012345678901,"name":"\\u00c5sa"}'
    body = body_of(HttpRequest(method="POST", path="/", body="json", content={"name": "Åsa"}))
    assert body == '{"name":"Åsa"}'.encode()


def test_json_null_is_a_body_and_none_is_not():
    assert body_of(HttpRequest(method="POST", path="/", body="json", content=None)) == b"null"
    assert body_of(HttpRequest(method="POST", path="/")) is None


def test_what_json_cannot_say_is_an_error_of_ours():
    with pytest.raises(OursFailed, match="json cannot be written"):
        body_of(HttpRequest(method="POST", path="/", body="json", content={"a": {2**70}}))


def test_a_form_is_encoded_as_a_form():
    request = HttpRequest(method="POST", path="/", body="form", content=[("a", "1 2"), ("a", "ä&")])
    assert body_of(request) == b"a=1+2&a=%C3%A4%26"
    assert describe("http://h", request)["form"] == {"a": ["1 2", "ä&"]}


@pytest.mark.parametrize(
    ("kind", "content_type"),
    [
        ("json", "application/json"),
        ("form", "application/x-www-form-urlencoded"),
        ("xml", "text/xml; charset=utf-8"),
        ("text", "text/plain; charset=utf-8"),
    ],
)
def test_a_body_says_what_it_is_unless_the_request_does(kind, content_type):
    assert headers_of(HttpRequest(method="POST", path="/", body=kind, content="")) == [("content-type", content_type)]
    own = (("Content-Type", "application/soap+xml"),)
    assert headers_of(HttpRequest(method="POST", path="/", body=kind, content="", headers=own)) == list(own)


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("Authorization", "Bearer abc", "Bearer ***"),
        ("authorization", "abc", "***"),
        ("Authorization", 'Digest username="a", response="b"', "***"),
        ("Cookie", "sid=abc", "***"),
        ("X-Other", "abc", "abc"),
    ],
)
def test_credentials_in_headers_are_never_described(name, value, shown):
    assert describe("http://h", get("/", headers=((name, value),)))["headers"] == {name.lower(): shown}


def test_a_description_has_the_request_as_a_test_compares_it():
    request = HttpRequest(method="PUT", path="prov?x=1", query=(("y", "2"),), body="json", content={"a": 1})
    assert describe("http://h/api", request) == {
        "method": "PUT",
        "url": "http://h/api/prov?x=1&y=2",
        "path": "/prov",
        "query": {"x": "1", "y": "2"},
        "headers": {"content-type": "application/json"},
        "json": {"a": 1},
    }
