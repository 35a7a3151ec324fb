"""A connector's test: one operation or enrichment, called as a pipeline would call it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from engine.authoring.script import Script
from engine.call import Caller
from engine.case import Case
from engine.catalog import Catalog
from engine.clock import VirtualClock
from engine.delivery import EnrichmentTrace, Trace, Work
from engine.enrich import Question, enrich
from engine.errors import OursFailed, Wait
from engine.event import Event
from engine.exchange import Exchange
from engine.journey import put_by
from engine.keep_memory import MemoryKeep
from engine.leg import Leg
from engine.masking import Masker
from engine.pipeline import Ask, Pipeline
from engine.progress import Progress


async def run_connector_case(
    catalog: Catalog, connector: str, case: Case, start: datetime
) -> tuple[dict[str, Any], Script, Trace]:
    """The values a connector's test may name (verdict, reason, case, result), what left, and the trace."""
    clock = VirtualClock(start)
    script = Script(catalog, clock, case.replies)
    masker = Masker(catalog.secrets)
    exchange = Exchange(catalog, clock, masker, carry=script.carry, cached=False, limited=False)
    caller = Caller(
        work=_work(catalog, case, start),
        send=exchange.send,
        keep=MemoryKeep(1, clock.now),
        trace=Trace(),
        progress=Progress(()),
    )
    try:
        values = await _call(caller, connector, case)
    except OursFailed as failed:
        values = {"verdict": "fail", "reason": str(failed), "case": None, "result": None}
    except Wait as wait:
        values = {"verdict": "retry", "reason": wait.reason, "case": None, "result": None}
    finally:
        await exchange.close()
    return values, script, caller.trace


async def _call(caller: Caller, connector: str, case: Case) -> dict[str, Any]:
    catalog = caller.work.catalog
    if case.enrich is not None:
        return await _enrich(caller, connector, case.enrich, case.with_)
    operation = catalog.operation(connector, case.call or "")
    leg = Leg(path=operation.name, calls=[])
    verdict = await caller.call(operation, case.with_, leg, case.place)
    return {"verdict": verdict.kind, "reason": verdict.reason, "case": verdict.case, "result": verdict.result}


async def _enrich(caller: Caller, connector: str, name: str, seen: Mapping[str, Any]) -> dict[str, Any]:
    catalog = caller.work.catalog
    trace = EnrichmentTrace(name=f"{connector}.{name}", asked=False)
    caller.trace.enrichments.append(trace)
    pb_data = dict(seen.get("pb_data") or {})
    scope = {"data": {}, **seen, "pb_data": pb_data, "config": catalog.connectors[connector].config}
    question = Question(
        ask=Ask(connector=connector, enrichment=name),
        enrichment=catalog.enrichment(connector, name),
        scope=scope,
        trace=trace,
    )
    await enrich([question], pb_data, put_by(caller))
    verdict = trace.verdict or ("skip" if not trace.asked else None)
    return {"verdict": verdict, "reason": trace.reason or trace.why_not, "case": None, "result": pb_data[name]}


def _work(catalog: Catalog, case: Case, start: datetime) -> Work:
    event = Event(id="test", source="espf", received_at=start, event_type="Test", data={"variables": {}}, body=b"")
    pipeline = Pipeline(name="test", events=())
    return Work(
        delivery_id=1, event=event, pipeline=pipeline, catalog=catalog, attempt=1, now=start, seed=f"test {case.name}"
    )


def with_config(catalog: Catalog, connector: str, config: Mapping[str, Any]) -> Catalog:
    """The catalog with `config` laid over the connector's."""
    changed = catalog.connectors[connector]
    changed = replace(changed, config={**changed.config, **config})
    return replace(catalog, connectors={**catalog.connectors, connector: changed})
