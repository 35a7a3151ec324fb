"""One flow: which events it takes, in what order, what it asks, maps and sends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from engine.connector import Step
from engine.expressions.expression import Expression
from engine.expressions.template import TextTemplate
from engine.place import NOWHERE, Place

OrderMode = Literal["strict", "latest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Deliveries with the same `key` go one after another, by `time`, then i_event, then arrival."""

    key: Expression
    time: Expression | None = None
    mode: OrderMode = "strict"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One entry of `enrich`: `connector.enrichment`; `optional`: null on `fail` or `retry`."""

    connector: str
    enrichment: str
    optional: bool = False
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class MapEntry:
    """One entry of `map`. `nullable`: its name was written with `?`."""

    name: str
    value: Expression
    nullable: bool = False
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class SkipRule:
    """`answer`: the status a sender that waits is given when this rule ends the delivery."""

    when: Expression
    reason: TextTemplate | None = None
    answer: int | None = None
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """One flow. `off` says why it takes nothing now (disabled, or a needed variable is unset), None: it is on."""

    name: str
    description: str = ""
    enabled: bool = True
    needs: tuple[str, ...] = ()
    events: tuple[str, ...]
    when: Expression | None = None
    order: Order | None = None
    retry: str | None = None  # name of a policy; None: the instance's
    enrich: tuple[Ask, ...] = ()
    map: tuple[MapEntry, ...] = ()
    skip: tuple[SkipRule, ...] = ()
    search: Mapping[str, Expression] = field(default_factory=dict)
    dispatch: tuple[Step, ...] = ()
    place: Place = NOWHERE
    off: str | None = None
