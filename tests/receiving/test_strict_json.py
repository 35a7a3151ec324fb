from __future__ import annotations

import pytest

from engine.errors import EventRefused
from engine.receiving.strict_json import parse_object


def refusal_of(body: bytes) -> str:
    with pytest.raises(EventRefused) as refused:
        parse_object(body)
    assert refused.value.status == 400
    return refused.value.reason


def test_an_ordinary_body_is_read_as_it_is() -> None:
    assert parse_object(b'{"a": {"b": [1, "x", null, 1.5]}}') == {"a": {"b": [1, "x", None, 1.5]}}


@pytest.mark.parametrize(
    "body",
    [b'{"a":1,"a":2}', b'{"x":{"a":1,"b":2,"a":1}}', rb'{"a":"\"","b":1,"b":1}', rb'{"\u0061":1,"a":2}'],
)
def test_a_duplicate_key_is_refused_by_name(body: bytes) -> None:
    assert "stands twice" in refusal_of(body)


@pytest.mark.parametrize(
    "body", [rb'{"a":"\"\\","b":"a\"a"}', '{"a":"\u00e9\u2028","b":{}}'.encode(), b'{"a":"x","b":"x"}']
)
def test_quotes_and_escapes_are_no_duplicate_keys(body: bytes) -> None:
    assert set(parse_object(body)) == {"a", "b"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"not json",
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":1e400}',
        b'{"a":"\xff"}',
        rb'{"a":"\ud800"}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":1}{}',
        b'{"a":1}\x00',
        '{"a":1}'.encode("utf-16"),
        b"[" * 100_000 + b"]" * 100_000,
    ],
)
def test_what_is_no_json_is_refused_and_not_quoted_back(body: bytes) -> None:
    assert refusal_of(body).startswith("the body is not JSON")


@pytest.mark.parametrize("digits", ["18446744073709551616", "-9223372036854775809", "1" * 300])
def test_an_integer_that_would_lose_digits_is_refused(digits: str) -> None:
    assert "does not fit 64 bits" in refusal_of(b'{"a":%s}' % digits.encode())


@pytest.mark.parametrize("digits", [18446744073709551615, -9223372036854775808])
def test_the_largest_integers_are_kept_exactly(digits: int) -> None:
    assert parse_object(b'{"a":%d}' % digits) == {"a": digits}


def test_nesting_is_bounded() -> None:
    def nested(levels: int) -> bytes:
        return b'{"a":' * (levels - 1) + b"{}" + b"}" * (levels - 1)

    assert parse_object(nested(64))
    assert "deeper than 64" in refusal_of(nested(65))


def test_many_siblings_are_not_deep() -> None:
    assert len(parse_object(b'{"a":[%s]}' % b",".join([b"{}"] * 1000))["a"]) == 1000


@pytest.mark.parametrize(("body", "kind"), [(b"[]", "a list"), (b'"x"', "text"), (b"3", "a number"), (b"null", "null")])
def test_only_an_object_is_an_event(body: bytes, kind: str) -> None:
    assert f"the body is {kind}" in refusal_of(body)
