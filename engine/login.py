"""An operation that logs in or refreshes: run as any other, outside every delivery."""

from __future__ import annotations

from datetime import datetime

from engine.call import Caller
from engine.catalog import Catalog
from engine.delivery import OnceKey, OnceNote, StepDone, Trace, Work
from engine.event import Event
from engine.leg import Leg
from engine.pipeline import Pipeline
from engine.progress import Progress
from engine.request import Send
from engine.verdict import Verdict


class _Forgets:
    """Nothing of a login outlives it."""

    async def done(self, step: StepDone, /) -> None: ...

    async def intend(self, once: OnceKey, /) -> OnceNote:
        return OnceNote(state="mine")

    async def settle(self, once: OnceKey, state: str, result: object = None, /) -> None: ...


async def log_in(catalog: Catalog, connector: str, operation: str, send: Send, now: datetime, trace_id: str) -> Verdict:
    """What the operation came to, alone or made of steps, sent by `send`. Raises OursFailed and what `send` raises."""
    work = _outside(catalog, connector, now, trace_id)
    caller = Caller(work=work, send=send, keep=_Forgets(), trace=Trace(), progress=Progress(()))
    return await caller.call(catalog.operation(connector, operation), {}, Leg(path=f"auth/{operation}", calls=[]), None)


def _outside(catalog: Catalog, connector: str, now: datetime, trace_id: str) -> Work:
    return Work(
        delivery_id=0,
        event=Event(
            id="", source="nsps", received_at=now, event_type="", data={}, body=b"", trace_id=trace_id, facts={}
        ),
        pipeline=Pipeline(name=f"login of {connector}", events=()),
        catalog=catalog,
        attempt=1,
        now=now,
        seed=f"{connector} {now.isoformat()}",
    )
