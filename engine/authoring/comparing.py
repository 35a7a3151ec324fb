"""What a test expected against what it saw: each difference as lines for a person."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from engine.authoring.script import Sent
from engine.case import Expect, ExpectedRequest
from engine.catalog import Catalog
from engine.connector import RequestTemplate
from engine.place import Place

Json = Mapping[str, Any]
NOTHING = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that is not as expected: a sentence, where the expectation stands, and the details below it."""

    message: str
    place: Place
    lines: tuple[str, ...] = ()


def differences(expect: Expect, seen: Json, sent: Sequence[Sent], catalog: Catalog) -> list[Difference]:
    """Everything `expect` names that is not so; empty when all is. `seen` holds the plain values by name."""
    found = list(_fields(expect, seen))
    if expect.requests is not None:
        found.extend(_requests(expect, sent, catalog))
    return found


def _fields(expect: Expect, seen: Json) -> Iterator[Difference]:
    for name, wanted in expect.fields.items():
        if name in ("vars", "pb_data") and isinstance(wanted, Mapping):
            got = seen.get(name) or {}
            for key, value in wanted.items():
                yield from _compare(f"{name}.{key}", value, got.get(key), expect)
        else:
            yield from _compare(name, wanted, seen.get(name), expect)


def _compare(name: str, wanted: Any, got: Any, expect: Expect) -> Iterator[Difference]:
    if same(wanted, got):
        return
    place = expect.places.get(name, expect.place)
    if isinstance(wanted, (Mapping, list)) and isinstance(got, (Mapping, list)):
        yield Difference(message=f"{name} differs", place=place, lines=tuple(diff(wanted, got)))
    else:
        yield Difference(message=f"{name}: expected {short(wanted)}, was {short(got)}", place=place)


def same(wanted: Any, got: Any) -> bool:
    """Equal as JSON: `1` is not `true`, `1.0` is `1`."""
    if isinstance(wanted, bool) or isinstance(got, bool):
        return wanted is got
    if isinstance(wanted, Mapping) and isinstance(got, Mapping):
        return wanted.keys() == got.keys() and all(same(wanted[key], got[key]) for key in wanted)
    if isinstance(wanted, (list, tuple)) and isinstance(got, (list, tuple)):
        return len(wanted) == len(got) and all(map(same, wanted, got))
    return bool(wanted == got)


def _requests(expect: Expect, sent: Sequence[Sent], catalog: Catalog) -> Iterator[Difference]:
    wanted = [one for one in expect.requests or () for _ in range(one.times)]
    if [one.call for one in wanted] != [one.call for one in sent]:
        yield _other_calls([one.call for one in wanted], [one.call for one in sent], expect)
        return
    for number, (one, real) in enumerate(zip(wanted, sent, strict=True), start=1):
        yield from _request(number, one, real, catalog)


def _other_calls(wanted: Sequence[str], sent: Sequence[str], expect: Expect) -> Difference:
    place = expect.places.get("requests", expect.place)
    if not wanted:
        return Difference(message=f"nothing was to be sent, but this was: {', '.join(sent)}", place=place)
    if not sent:
        return Difference(message=f"nothing was sent; expected: {', '.join(wanted)}", place=place)
    if len(wanted) == len(sent) == 1:
        return Difference(message=f"request 1: expected {wanted[0]}, {sent[0]} was sent", place=place)
    lines = difflib.unified_diff(wanted, sent, "expected", "sent", lineterm="", n=len(wanted))
    message = f"the requests differ: {len(wanted)} expected, {len(sent)} sent"
    return Difference(message=message, place=place, lines=tuple(lines)[3:])


def _request(number: int, wanted: ExpectedRequest, sent: Sent, catalog: Catalog) -> Iterator[Difference]:
    for name in wanted.fields:
        value, got = _part(name, wanted.fields[name], sent.request.get(name))
        if same(value, got):
            continue
        lines = list(diff(value, got)) if isinstance(value, (Mapping, list)) else []
        place = template_place(catalog, sent, name, value, got)
        lines += [f"made at {place}"] if place else []
        message = f"request {number} ({sent.call}): {name}"
        message += (
            _differ(name) if isinstance(value, (Mapping, list)) else f": expected {short(value)}, was {short(got)}"
        )
        yield Difference(message=message, place=wanted.place, lines=tuple(lines))


def _differ(name: str) -> str:
    return " differ" if name == "headers" else " differs"


def _part(name: str, wanted: Any, got: Any) -> tuple[Any, Any]:
    if name != "headers":
        return wanted, got
    named = {key.lower(): text for key, text in wanted.items()}  # headers: those the test names, the rest not at all
    return named, {key: text for key, text in (got or {}).items() if key in named}


def template_place(catalog: Catalog, sent: Sent, name: str, wanted: Any, got: Any) -> Place | None:
    """The line of the connector that made the first part that differs; None where it cannot be told."""
    connector, _, operation = sent.call.partition(".")
    request: RequestTemplate | None = catalog.operation(connector, operation).request
    template: Any = getattr(request, name, None) if request else None
    if isinstance(template, Mapping):  # headers
        key = next((key for key in wanted if not same(wanted.get(key), (got or {}).get(key))), "")
        template = {k.lower(): v for k, v in template.items()}.get(key)
    while isinstance(members := getattr(template, "members", None), dict) and isinstance(wanted, Mapping):
        key = next((k for k in members if not same(wanted.get(k), (got or {}).get(k))), None)
        if key is None:
            break
        template, wanted, got = (
            members[key],
            wanted.get(key),
            (got or {}).get(key) if isinstance(got, Mapping) else None,
        )
    return getattr(template, "place", None)


def diff(wanted: Any, got: Any) -> Iterator[str]:
    """A unified diff of two JSON values, keys sorted: `-` expected, `+` was."""
    lines = difflib.unified_diff(_pretty(wanted), _pretty(got), "expected", "was", lineterm="", n=2)
    yield from (line for line in lines if not line.startswith("@@"))


def _pretty(value: Any) -> list[str]:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode().splitlines()


def short(value: Any) -> str:
    """A value in one line of at most 200 characters."""
    text = orjson.dumps(value).decode()
    return text if len(text) <= 200 else text[:199] + "…"
