"""A small project built by hand, a world that answers from a script, and one attempt of a delivery through both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from engine.catalog import Catalog
from engine.connector import Argument, Connector, Enrichment, Operation, RequestTemplate, Step, VerdictRule
from engine.delivery import Ending, Work
from engine.errors import NspsError, OursFailed
from engine.event import Event
from engine.expressions.compile import compile_expression
from engine.expressions.expression import Expression
from engine.expressions.template import Escape, TextTemplate, TreeTemplate
from engine.expressions.templates import compile_leaf, compile_text, tree_constant, tree_list, tree_object
from engine.journey import journey
from engine.keep_memory import MemoryKeep, OnceNotes
from engine.pipeline import Ask, MapEntry, Order, Pipeline, SkipRule
from engine.place import Place
from engine.request import Call, HttpRequest, Reply
from engine.settings import Settings

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
PLACE = Place("pipelines/p.yaml", 7, 3)


def expr(text: str) -> Expression:
    """A real compiled expression."""
    return compile_expression(text, PLACE)


def failing(message: str = "it fails") -> Expression:
    """An expression that fails whatever it sees."""

    def run(_scope: Mapping[str, Any]) -> Any:
        raise OursFailed(message, PLACE)

    return Expression(text="fails()", place=PLACE, evaluate=run)


def words(text: str, escape: Escape = "none") -> TextTemplate:
    """A real compiled text template."""
    return compile_text(text, PLACE, escape)


def tree(shape: Any) -> TreeTemplate:
    """A real compiled tree: text leaves are templates."""
    if isinstance(shape, dict):
        return tree_object({name: tree(member) for name, member in shape.items()}, PLACE)
    if isinstance(shape, list):
        return tree_list([tree(element) for element in shape], PLACE)
    return compile_leaf(shape, PLACE) if isinstance(shape, str) else tree_constant(shape, PLACE)


def argument(name: str, schema: Mapping[str, Any] | None = None, **more: Any) -> Argument:
    """`name?` is not required, as in the language."""
    bare = name.removesuffix("?")
    return Argument(name=bare, schema=schema or {}, required=bare == name and "default" not in more, **more)


def defaulted(name: str, schema: Mapping[str, Any], default: Any) -> Argument:
    return Argument(name=name, schema=schema, required=False, has_default=True, default=default, place=PLACE)


def rule(is_: Any, when: str | Expression | None = None, reason: str | None = None, **more: Any) -> VerdictRule:
    condition = expr(when) if isinstance(when, str) else when
    said = None if reason is None else words(reason, "reason")
    if "result" in more:
        more["result"] = expr(more["result"])
    return VerdictRule(is_=is_, when=condition, reason=said, place=PLACE, **more)


def operation(name: str, *args: Argument, connector: str = "sys", **more: Any) -> Operation:
    """An operation that posts its arguments to /NAME, unless `request` or `steps` says otherwise."""
    if "steps" not in more and "request" not in more:
        body = tree({one.name: f"{{{{ args.{one.name} | default(omit) }}}}" for one in args})
        more["request"] = RequestTemplate(method="POST", path=words(f"/{name}", "url"), json=body)
    if "result" in more:
        more["result"] = expr(more["result"])
    more["steps"] = tuple(more.get("steps", ()))
    more["verdicts"] = tuple(more.get("verdicts", ()))
    return Operation(connector=connector, name=name, args=args, place=PLACE, **more)


def step(call: str, id_: str | None = None, with_: Mapping[str, str] | None = None, **more: Any) -> Step:
    connector, _, name = call.rpartition(".")
    for key in ("when", "for_each", "once"):
        if isinstance(more.get(key), str):
            more[key] = expr(more[key])
    handed = None if with_ is None else {name: expr(text) for name, text in with_.items()}
    return Step(id=id_ or name, connector=connector or "sys", operation=name, arguments=handed, place=PLACE, **more)


def enrichment(name: str, call: str, connector: str = "sys", **more: Any) -> Enrichment:
    reads: set[str] = set()
    for key in ("when", "shape"):
        if isinstance(more.get(key), str):
            more[key] = expr(more[key])
    if "with_" in more:
        more["arguments"] = {name: expr(text) for name, text in more.pop("with_").items()}
    for one in (*more.get("arguments", {}).values(), more.get("when")):
        reads |= {path[1] for path in (one.reads if one else ()) if path[0] == "pb_data" and len(path) > 1}
    return Enrichment(connector=connector, name=name, call=call, waits_for=frozenset(reads), place=PLACE, **more)


def connector(*parts: Operation | Enrichment, name: str = "sys", **more: Any) -> Connector:
    operations = {one.name: one for one in parts if isinstance(one, Operation)}
    enrichments = {one.name: one for one in parts if isinstance(one, Enrichment)}
    return Connector(name=name, operations=operations, enrichments=enrichments, place=PLACE, **more)


def mapped(**entries: str | Expression) -> tuple[MapEntry, ...]:
    """Map entries; a trailing `_` in a name is the language's `?`."""
    return tuple(
        MapEntry(
            name=name.removesuffix("_"),
            value=expr(value) if isinstance(value, str) else value,
            nullable=name.endswith("_"),
            place=PLACE,
        )
        for name, value in entries.items()
    )


def skip(when: str | Expression, reason: str | None = None, answer: int | None = None) -> SkipRule:
    condition = expr(when) if isinstance(when, str) else when
    return SkipRule(when=condition, reason=words(reason, "reason") if reason else None, answer=answer, place=PLACE)


def ask(name: str, connector: str = "sys", optional: bool = False) -> Ask:
    return Ask(connector=connector, enrichment=name, optional=optional)


def order(key: str | Expression, time: str | Expression | None = None, mode: Any = "strict") -> Order:
    said = expr(time) if isinstance(time, str) else time
    return Order(key=expr(key) if isinstance(key, str) else key, time=said, mode=mode)


def pipeline(*steps: Step, name: str = "p", **more: Any) -> Pipeline:
    more.setdefault("events", ("SIM/Updated",))
    for key in ("search",):
        more[key] = {name: expr(text) for name, text in more.get(key, {}).items()}
    return Pipeline(name=name, dispatch=steps, place=PLACE, **more)


def catalog(*parts: Connector | Pipeline, config: Mapping[str, Any] | None = None) -> Catalog:
    return Catalog(
        project=Path("project"),
        settings=Settings(instance="test", config=config or {}),
        connectors={one.name: one for one in parts if isinstance(one, Connector)},
        pipelines={one.name: one for one in parts if isinstance(one, Pipeline)},
    )


def event(event_type: str = "SIM/Updated", **more: Any) -> Event:
    variables = more.pop("variables", {"i_env": 3, "i_event": 7, "i_account": 277147})
    more.setdefault("source", "espf")
    more.setdefault("received_at", NOW)
    return Event(
        id="7b1d0c52-5a55-4f0e-9a9e-2c1f6f1f3f10",
        event_type=event_type,
        data={"event_type": event_type, "variables": variables},
        body=b"{}",
        trace_id="00000000000000aa",
        **more,
    )


Answer = Mapping[str, Any] | NspsError | Callable[[Call], Any]


class World:
    """A Send that answers from a script: per operation, in call order, the last repeats; {} is a plain success."""

    def __init__(self, **answers: Answer | list[Answer]) -> None:
        self.answers = {name: list(one) if isinstance(one, list) else [one] for name, one in answers.items()}
        self.calls: list[Call] = []
        self.requests: list[HttpRequest] = []
        self.session: dict[str, Any] = {"access_token": "t"}
        self.now = NOW

    async def __call__(self, call: Call, /) -> Reply:
        request = call.render(self.session)
        self.calls.append(call)
        self.requests.append(request)
        script = self.answers.get(call.operation, [{}])
        answer = script.pop(0) if len(script) > 1 else script[0]
        if callable(answer):
            answer = await answer(call)
        if isinstance(answer, NspsError):
            raise answer
        return reply(**answer)

    def sent(self, name: str | None = None) -> list[Any]:
        """What was sent, in order: the content of each request."""
        pairs = zip(self.calls, self.requests, strict=True)
        return [request.content for call, request in pairs if name is None or call.operation == name]


def reply(**parts: Any) -> Reply:
    if parts.get("error") is None:
        parts.setdefault("status", 200)
    parts.setdefault("asked_at", NOW)
    return Reply(**parts)


class Delivery:
    """One delivery over its attempts, as the worker would walk it, with memory for a store."""

    def __init__(
        self, catalog: Catalog, world: World, id_: int = 12, notes: OnceNotes | None = None, **more: Any
    ) -> None:
        self.world = world
        self.keep = MemoryKeep(id_, lambda: NOW, notes)
        self.work = Work(
            delivery_id=id_,
            event=more.pop("event", None) or event(),
            pipeline=next(iter(catalog.pipelines.values())),
            catalog=catalog,
            attempt=0,
            now=NOW,
            seed=f"seed-{id_}",
            **more,
        )

    async def attempt(self, killed: bool = False) -> Ending:
        """The next attempt. `killed`: only what was kept on the way survives it, not what its ending says."""
        self.work = replace(self.work, attempt=self.work.attempt + 1, done=self.keep.steps)
        ending = await journey(self.work, self.world, self.keep)
        if not killed:
            for done in ending.done:
                await self.keep.done(done)
        self.work = replace(self.work, previous_ended_at=NOW + timedelta(minutes=self.work.attempt))
        return ending


async def ended(world: World, *parts: Connector | Pipeline, **more: Any) -> Ending:
    """How the first attempt of a delivery through these parts ends."""
    config = more.pop("config", None)
    return await Delivery(catalog(*parts, config=config), world, **more).attempt()
