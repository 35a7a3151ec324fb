"""A test of a pipeline or connector as written: events, scripted replies, what is expected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.place import NOWHERE, Place

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedRequest:
    """One entry of `requests`: `fields` holds what it names beside `call` and `times`, such as method, path, json."""

    call: str
    times: int = 1
    fields: Json = field(default_factory=dict)
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect:
    """What a test names; the rest is not compared.

    `fields` holds the plain values by name (outcome, reason, attempts, vars, pb_data, verdict, case, result, reason), so that
    a named null differs from a name not given. `requests` None: not compared; empty: nothing may be sent. `places` says
    where each name stands, members of `vars` and `pb_data` as `vars.NAME`.
    """

    fields: Json = field(default_factory=dict)
    requests: tuple[ExpectedRequest, ...] | None = None
    places: Mapping[str, Place] = field(default_factory=dict)
    place: Place = NOWHERE

    @property
    def attempts(self) -> int | None:
        """After how many attempts the test stops; None: when the delivery ends."""
        found = self.fields.get("attempts")
        return found if isinstance(found, int) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One test. A pipeline's has `events` (one, or several in order) and as many `expects` as were written.

    A connector's has `call` with its arguments `with_`, or `enrich` with an event or an envelope's parts in `with_`.
    `replies`: sending operation (`connector.operation`) to scripted replies, in call order, the last repeating. `now` is
    the instant the test begins at, ISO 8601; `config` is laid over that of the file.
    """

    name: str
    events: tuple[Json, ...] = ()
    call: str | None = None
    enrich: str | None = None
    with_: Json = field(default_factory=dict)
    replies: Mapping[str, tuple[Json, ...]] = field(default_factory=dict)
    expects: tuple[Expect, ...] = ()
    now: str | None = None
    config: Json = field(default_factory=dict)
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class TestFile:
    """A `*.test.yaml`: the tests of one pipeline or one connector. `config` is laid over the tested thing's."""

    __test__ = False  # for pytest: this is no test class

    file: str
    pipeline: str | None = None
    connector: str | None = None
    config: Json = field(default_factory=dict)
    now: str | None = None
    cases: tuple[Case, ...] = ()
    place: Place = NOWHERE
