from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from engine.errors import EventRefused
from engine.receiving.espf_body import Stamp, espf_keys, read_espf

STAMP = Stamp(event_id="e1", received_at=datetime(2026, 1, 1, tzinfo=UTC), trace_id="t1")


def keys(**body: Any) -> tuple[str | None, str | None]:
    return espf_keys(read_espf(orjson.dumps({"event_type": "SIM/Updated", **body}), STAMP))


def test_ids_are_read_inside_variables_or_beside_them_as_numbers_or_text() -> None:
    for body in (
        b'{"event_type":"SIM/Updated","variables":{"i_event":5,"i_env":3}}',
        b'{"event_type":"SIM/Updated","variables":{"i_event":"5","i_env":"3"}}',
        b'{"event_type":"SIM/Updated","i_event":5,"i_env":"3","variables":{}}',
        b'{"event_type":"SIM/Updated","i_event":"5","i_env":3}',
    ):
        event = read_espf(body, STAMP)
        assert (event.i_event, event.i_env) == ("5", "3")


def test_variables_are_passed_on_untouched() -> None:
    event = read_espf(b'{"event_type":"A/B","variables":{"i_event":"5","x":[1,{"y":null}]},"more":1}', STAMP)
    assert event.data == {"event_type": "A/B", "variables": {"i_event": "5", "x": [1, {"y": None}]}, "more": 1}


@pytest.mark.parametrize(
    "body", [b'{"event_type":"A/B"}', b'{"event_type":"A/B","variables":null}', b'\xef\xbb\xbf{"event_type":"A/B"}']
)
def test_missing_variables_are_none(body: bytes) -> None:
    event = read_espf(body, STAMP)
    assert event.data["variables"] == {}
    assert event.i_event is None


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"event_type":""}',
        b'{"event_type":null}',
        b'{"event_type":7}',
        b'{"event_type":"a\\u0000b"}',
        b'{"event_type":"%s"}' % (b"x" * 201),
        b'{"event_type":"A/B","variables":[]}',
        b'{"event_type":"A/B","variables":"x"}',
    ],
)
def test_what_can_never_be_an_event_is_refused_with_400(body: bytes) -> None:
    with pytest.raises(EventRefused) as refused:
        read_espf(body, STAMP)
    assert refused.value.status == 400


def test_a_repeat_has_the_same_keys_whatever_form_its_id_takes() -> None:
    same = {
        keys(variables={"i_event": 5, "i_account": 1}),
        keys(variables={"i_account": 1, "i_event": "5"}),
        keys(variables={"i_account": 1}, i_event=5),
    }
    assert len(same) == 1


def test_other_content_has_another_key_but_the_same_id_key() -> None:
    first, again = keys(variables={"i_event": 5, "a": 1}), keys(variables={"i_event": 5, "a": 2})
    assert first[0] != again[0]
    assert first[1] == again[1]


def test_another_environment_is_another_event() -> None:
    one, other, none = (keys(variables={"i_event": 5, **env}) for env in ({"i_env": 1}, {"i_env": 2}, {}))
    assert len({one, other, none}) == 3
    assert len({one[1], other[1], none[1]}) == 3


@pytest.mark.parametrize("i_event", [None, "", "  ", True, 1.5, [], "x" * 65])
def test_without_an_id_there_is_no_key(i_event: Any) -> None:
    assert keys(variables={"i_event": i_event}) == (None, None)
