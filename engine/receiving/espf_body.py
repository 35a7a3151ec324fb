"""What ESPF posts, read tolerantly: bytes to an Event and the keys its repeats are known by (domain.md 1.1).

`i_event` stands inside `variables` or beside it, as a number or as text; `variables` may be missing. All else of the body is
the sender's and passed on untouched.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

import orjson

from engine.errors import EventRefused
from engine.event import Event
from engine.receiving.strict_json import BOM, kind_of, parse_object
from engine.value import value

LONGEST_EVENT_TYPE = 200
LONGEST_ID = 64


@value
class Stamp:
    """What the receiver gives an event: its id, when it came, and the trace it belongs to."""

    event_id: str
    received_at: datetime
    trace_id: str


def read_espf(body: bytes, stamp: Stamp) -> Event:
    """The event. Raises EventRefused (400) when the body can never be one."""
    body = body.removeprefix(BOM)
    data = parse_object(body)
    event_type = read_event_type(data, 400)
    variables = read_variables(data, 400)
    as_posted = data.get("variables") is not None
    if not as_posted:
        data["variables"] = variables
    return Event(
        id=stamp.event_id,
        source="espf",
        received_at=stamp.received_at,
        event_type=event_type,
        data=data,
        body=body,
        i_env=_first_id(variables, data, "i_env"),
        i_event=_first_id(variables, data, "i_event"),
        trace_id=stamp.trace_id,
        as_posted=as_posted,
    )


def espf_keys(event: Event) -> tuple[str | None, str | None]:
    """(key, id_key): the first is the same for a repeat, the second also for the same id with other content.

    Both None without `i_event`: then nothing tells a repeat from another event. Ids count as text, so `5` and `"5"` are
    one id; the other variables count as they are.
    """
    if event.i_event is None:
        return None, None
    identity = [event.source, event.i_env, event.i_event]
    content = {name: value for name, value in event.variables.items() if name not in ("i_event", "i_env")}
    return _hash([*identity, event.event_type, content]), _hash(identity)


def read_event_type(data: Mapping[str, Any], status: int) -> str:
    """`event_type`, which every event has. Raises EventRefused with `status`."""
    event_type = data.get("event_type")
    if not isinstance(event_type, str) or not event_type.strip():
        what = "is missing" if event_type is None else "is empty" if event_type == "" else f"is {kind_of(event_type)}"
        raise EventRefused(status, f"`event_type` {what}; text such as SIM/Updated is expected")
    if len(event_type) > LONGEST_EVENT_TYPE or not event_type.isprintable():
        raise EventRefused(status, f"`event_type` is longer than {LONGEST_EVENT_TYPE} characters or not printable")
    return event_type


def read_variables(data: Mapping[str, Any], status: int) -> Mapping[str, Any]:
    """`variables`, `{}` when missing or null. Raises EventRefused with `status` when it is not an object."""
    variables = data.get("variables")
    if variables is None:
        return {}
    if not isinstance(variables, dict):
        raise EventRefused(status, f"`variables` is {kind_of(variables)}; an object is expected")
    return variables


def id_text(value: Any) -> str | None:
    """An id as text, from a number or from text; None when it is neither, empty, or no id at all."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and 0 < len(value.strip()) <= LONGEST_ID and value.strip().isprintable():
        return value.strip()
    return None


def _first_id(variables: Mapping[str, Any], data: Mapping[str, Any], name: str) -> str | None:
    inside = id_text(variables.get(name))
    return inside if inside is not None else id_text(data.get(name))


def _hash(parts: list[Any]) -> str:
    return sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()
