"""Step 2: an event to the pipelines that take it, and why the others do not."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from engine.catalog import Catalog
from engine.delivery import NotTaken, Routed, Routing
from engine.envelope import routing_scope
from engine.errors import OursFailed
from engine.event import Event
from engine.expressions.invalid import FunctionFailed
from engine.expressions.kinds import holds, shown
from engine.expressions.time_functions import parse_time
from engine.pipeline import Order, Pipeline
from engine.scalar import key_text
from engine.worked_out import WorkedOut

LONGEST_KEY = 200
LARGEST_POSITION = 2**63 - 1


def route(event: Event, catalog: Catalog) -> Routing:
    """Each pipeline either in `taken`, with its place in line, or in `not_taken`, with the reason."""
    taken: list[Routed] = []
    not_taken: list[NotTaken] = []
    for pipeline in catalog.pipelines.values():
        found = _route(event, pipeline, catalog.settings.config)
        if isinstance(found, Routed):
            taken.append(found)
        else:
            not_taken.append(found)
    return Routing(taken=taken, not_taken=not_taken)


def _route(event: Event, pipeline: Pipeline, config: Mapping[str, Any]) -> Routed | NotTaken:
    if not takes_type(pipeline, event.event_type):
        return NotTaken(pipeline=pipeline.name, reason=f"event type: it takes {', '.join(pipeline.events)}")
    if pipeline.off is not None or not pipeline.enabled:
        return NotTaken(pipeline=pipeline.name, reason=f"off: {pipeline.off or 'enabled: false'}")
    scope = routing_scope(event, config, pipeline.name)
    try:
        if pipeline.when is not None and not holds(pipeline.when.evaluate(scope)):
            return NotTaken(pipeline=pipeline.name, reason=f"`when` is false: {pipeline.when.text}")
        return _place_in_line(event, pipeline, scope)
    except OursFailed as failed:
        return Routed(pipeline=pipeline.name, position_time=event.received_at, failed=str(failed))


def takes_type(pipeline: Pipeline, event_type: str) -> bool:
    """Whether one of its patterns matches."""
    return _patterns(pipeline).fullmatch(event_type) is not None


def _place_in_line(event: Event, pipeline: Pipeline, scope: Mapping[str, Any]) -> Routed:
    order = pipeline.order
    if order is None:
        return Routed(
            pipeline=pipeline.name, position_time=event.received_at, position_event=_event_number(event.i_event)
        )
    return Routed(
        pipeline=pipeline.name,
        lane=_lane(pipeline.name, event.i_env, order.key.evaluate(scope)),
        mode=order.mode,
        position_time=_event_time(order, scope, event.received_at),
        position_event=_event_number(event.i_event),
    )


def _lane(pipeline: str, i_env: str | None, key: Any) -> str | None:
    """`PIPELINE/I_ENV/KEY`; None for a null key: not ordered. A long key is shortened to its beginning and its hash."""
    if key is None:
        return None
    text = key_text(key)
    if len(text) > LONGEST_KEY:
        text = f"{text[:100]}…{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"
    return f"{pipeline}/{(i_env or '').replace('/', '%2F')}/{text}"


def _event_time(order: Order, scope: Mapping[str, Any], received_at: datetime) -> datetime:
    """The instant that orders the event: never ahead of its receipt, and its receipt where none is said."""
    value = order.time.evaluate(scope) if order.time else None
    if value is None or value == "":
        return received_at
    try:
        seconds = value if isinstance(value, (int, float)) and not isinstance(value, bool) else parse_time(value)
        said = datetime.fromtimestamp(seconds, UTC)
    except (FunctionFailed, AttributeError, ValueError, OverflowError, OSError) as error:
        place = order.time.place if order.time else None
        raise OursFailed(
            f"`order.time` gave {shown(value)}, which is no time; it takes ISO 8601, YYYY-MM-DD HH:MM:SS in UTC, "
            "or seconds since 1970",
            place,
        ) from error
    return min(said, received_at)


def _event_number(i_event: str | None) -> int:
    """`i_event` as a number, 0 when it is none: text such as "9" and "10" must not sort as text."""
    if not i_event or len(i_event) > 19 or not (i_event.isascii() and i_event.isdigit()):
        return 0
    return min(int(i_event), LARGEST_POSITION)


def _compiled(pipeline: Pipeline) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{_pattern(text)})" for text in pipeline.events) or r"(?!)", re.DOTALL)


def _pattern(text: str) -> str:
    """A regex for a pattern: `*` is one segment, `**` any number of them, none too; all else is itself."""
    found = ""
    segments = re.sub(r"(?<![^/])\*\*(?:/\*\*)+(?![^/])", "**", text).split("/")  # `**/**` says no more than `**`
    for number, segment in enumerate(segments):
        last = number == len(segments) - 1
        if segment == "**":
            found = found.removesuffix("/") + "(?:/.*)?" if last and number else found + (".*" if last else "(?:.*/)?")
        else:
            found += ("[^/]+" if segment == "*" else re.escape(segment)) + ("" if last else "/")
    return found


_patterns = WorkedOut(_compiled)
