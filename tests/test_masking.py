"""What must never be shown is not shown."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest

from engine.masking import Masker

SECRET = 'p@ss/w"ö rd+1'


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        base64.b64encode(SECRET.encode()).decode(),
        quote(SECRET, safe=""),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        "p@ss/w&quot;ö rd+1",
    ],
)
def test_a_secret_is_masked_in_every_form_it_travels_in(form):
    assert Masker([SECRET]).text(f"before {form} after") == "before *** after"


def test_values_are_masked_at_every_depth_keys_too():
    masker = Masker(["topsecret"])
    value = {"a": ["x topsecret y", {"topsecret": "topsecret"}], "n": 5, "t": True, "none": None}
    assert masker.value(value) == {"a": ["x *** y", {"***": "***"}], "n": 5, "t": True, "none": None}


def test_a_number_that_is_a_secret_is_masked():
    masker = Masker(["12345678"])
    assert masker.value({"pin": 12345678}) == {"pin": "***"}
    assert json.loads(masker.dumps({"pin": 12345678, "other": 123456789})) == {"pin": "***", "other": 123456789}


def test_a_short_secret_does_not_cut_holes_into_longer_numbers():
    masker = Masker(["1234"])
    assert masker.value({"pin": "1234", "said": "PIN 1234!", "imsi": "001234000000001"}) == {
        "pin": "***",
        "said": "PIN ***!",
        "imsi": "001234000000001",
    }


def test_a_very_short_secret_is_masked_only_where_it_is_the_whole_value():
    masker = Masker(["ab"])
    assert masker.value({"a": "ab", "b": "about"}) == {"a": "***", "b": "about"}
    assert json.loads(masker.dumps(["ab", "about"])) == ["***", "about"]


def test_the_longer_of_two_secrets_is_masked_whole():
    assert Masker(["longsecret", "longsecret-and-more"]).text("longsecret-and-more") == "***"


def test_dumps_gives_json_whatever_it_is_handed():
    masker = Masker(["topsecret"])
    assert json.loads(masker.dumps({"big": 2**70, "a": "topsecret"})) == {"big": 2**70, "a": "***"}
    assert json.loads(masker.dumps({"set": {1}})) == {"set": "{1}"}
    assert Masker().dumps({"a": 1}) == b'{"a":1}'


def test_secrets_of_one_call_are_masked_there_and_not_kept():
    masker = Masker(["topsecret"])
    assert masker.text("ki 0123456789abcdef topsecret", ["0123456789abcdef"]) == "ki *** ***"
    assert masker.text("0123456789abcdef") == "0123456789abcdef"


def test_sessions_are_masked_for_three_generations_and_do_not_pile_up():
    masker = Masker()
    for number in range(5):
        masker.learn_session("portabilling", [f"token-number-{number}"])
    assert masker.text("token-number-4 token-number-2 token-number-1") == "*** *** token-number-1"


def test_nothing_is_masked_for_an_empty_secret():
    assert Masker(["", "x" * 9]).value({"a": ""}) == {"a": ""}
