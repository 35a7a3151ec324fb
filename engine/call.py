"""One operation, alone or made of steps: arguments, request, reply, verdict, result."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from engine.arguments import Arguments, given, taken
from engine.connector import Connector, Operation, RequestTemplate, Step
from engine.delivery import CallTrace, Keep, StepDone, Trace, Work
from engine.dispatch import Run, Track, run_steps
from engine.leg import Leg
from engine.place import Place
from engine.progress import Progress, arguments_sha, idempotency_key
from engine.render import render
from engine.request import Call, HttpRequest, Reply, Send, Session
from engine.verdict import Verdict, judge
from engine.worked_out import WorkedOut


@dataclass(slots=True, kw_only=True)
class Caller:
    """Makes the calls of one attempt. `trace` and `progress` collect what it does."""

    work: Work
    send: Send
    keep: Keep
    trace: Trace
    progress: Progress
    answered_at: datetime | None = None  # when the latest answer was complete
    resent: set[str] = field(default_factory=set)  # paths below `for_each` on which something was sent

    async def perform(self, step: Step, scope: dict[str, Any], leg: Leg) -> Verdict:
        """One step of an operation or pipeline: its arguments come by `with`, or by name from `args` or `vars`."""
        operation = self.work.catalog.operation(step.connector, step.operation)
        named = scope["args"] if "args" in scope else scope["vars"]
        return await self.call(operation, given(operation, step.arguments, scope, named), leg, step.place)

    async def call(self, operation: Operation, handed: Mapping[str, Any], leg: Leg, place: Place | None) -> Verdict:
        """What the operation came to. Raises OursFailed, Wait or ClaimLost."""
        arguments = taken(operation, handed, place)
        self.trace.secrets |= arguments.secrets
        if operation.request is None:
            return await self._made_of_steps(operation, arguments, leg)
        return await self._alone(operation, operation.request, arguments, leg)

    async def _made_of_steps(self, operation: Operation, arguments: Arguments, leg: Leg) -> Verdict:
        config = self.work.catalog.connectors[operation.connector].config
        scope = {"args": arguments.values, "config": config, "item": None, "index": None}
        track = Track(above=leg.path, more=leg.more, repeated=leg.repeated, cache_s=leg.cache_s, calls=leg.calls)
        run = await run_steps(operation.steps, scope, track, self.perform)
        return _summed_up(run, operation, scope)

    async def _alone(self, operation: Operation, template: RequestTemplate, arguments: Arguments, leg: Leg) -> Verdict:
        connector = self.work.catalog.connectors[operation.connector]
        reads = _reads(connector)[operation.name]
        sha = arguments_sha([arguments.values, leg.item] if reads.item else arguments.values)
        name = key = ""
        if not operation.read_only or reads.key:
            name = self.progress.occurrence(leg.path, sha)
            key = idempotency_key(self.work.seed, name, sha)
        if not operation.read_only and (remembered := self.progress.remembered(name, sha)) is not None:
            return _as_remembered(remembered, operation, leg)
        scope = {
            "args": arguments.values,
            "config": connector.config,
            "item": leg.item,
            "index": leg.index,
            "idempotency_key": key,
        }
        call = Call(
            connector=operation.connector,
            operation=operation.name,
            step=leg.path,
            render=_renderer(template, connector, scope, reads.session),
            scope=scope,
            reads=operation.reply,
            read_only=operation.read_only,
            idempotency_key=key,
            arguments_sha=sha,
            cache_s=leg.cache_s if operation.read_only else 0.0,
            not_before=self._not_before(),
            trace_id=self.work.event.trace_id,
            secrets=arguments.secrets,
        )
        if not operation.read_only and (leg.repeated or self.progress.knows_any):
            await self._supersede(leg)
        reply = await self.send(call)
        self._note_time(reply)
        verdict = judge(operation, reply, arguments.values, connector.config)
        leg.calls.append(_traced(call, reply, verdict))
        if verdict.kind == "ok" and not operation.read_only:
            await self._remember(StepDone(step=name, arguments_sha=sha, **_kept(verdict)), leg.more)
        return verdict

    async def _supersede(self, leg: Leg) -> None:
        """Durably takes back what earlier attempts sent on this leg: other arguments are about to replace it.

        Of items nobody can tell yet which are gone: that shows when all were met.
        """
        if leg.repeated:
            self.resent.add(leg.path)
            return
        for step in self.progress.stale(leg.path):
            await self.keep.done(step)

    def forget_items_left_out(self, finished: Collection[str]) -> None:
        """Takes back items of earlier attempts that this one did not meet, of the `finished` steps that sent new ones."""
        for path in self.resent:
            if path.partition("/")[0] in finished:
                self.progress.stale(path)

    async def _remember(self, step: StepDone, more: bool) -> None:
        self.progress.add(step)
        if more:  # the last call's success is written with the outcome, not twice
            await self.keep.done(step)

    def _note_time(self, reply: Reply) -> None:
        answered_at = reply.asked_at + timedelta(seconds=reply.took_s)
        if self.answered_at is None or answered_at > self.answered_at:
            self.answered_at = answered_at

    def _not_before(self) -> datetime:
        previous, received = self.work.previous_ended_at, self.work.event.received_at
        return received if previous is None else max(previous, received)


def _summed_up(run: Run, operation: Operation, scope: Mapping[str, Any]) -> Verdict:
    """The verdict of the step that stopped it, else `ok` as the last run step, else `skip`."""
    if run.stopped is not None:
        return replace(run.stopped, result=None)
    if run.last is None:
        reason = next((skip.reason for skip in run.skips if skip.reason), "")
        return Verdict(
            kind="skip", reason=reason, answer=next((skip.answer for skip in run.skips if skip.answer), None)
        )
    result = run.last.result if operation.result is None else operation.result.evaluate(scope)
    return replace(run.last, result=result)


def _renderer(
    template: RequestTemplate, connector: Connector, scope: Mapping[str, Any], reads_session: bool
) -> Callable[[Session], HttpRequest]:
    """The request, rendered now, so that what is wrong with it shows here; later only where it reads the session."""
    if reads_session:
        return lambda session: render(template, connector.headers, {**scope, "session": session})
    request = render(template, connector.headers, scope)
    return lambda session: request


def _as_remembered(done: StepDone, operation: Operation, leg: Leg) -> Verdict:
    leg.calls.append(
        CallTrace(
            connector=operation.connector,
            operation=operation.name,
            step=leg.path,
            read_only=False,
            verdict=done.verdict,
            case=done.case,
            source="remembered",
            arguments_sha=done.arguments_sha,
        )
    )
    return Verdict(kind=done.verdict, case=done.case, status=done.status, result=done.result)


def _kept(verdict: Verdict) -> dict[str, Any]:
    return {"verdict": verdict.kind, "case": verdict.case, "status": verdict.status, "result": verdict.result}


def _traced(call: Call, reply: Reply, verdict: Verdict) -> CallTrace:
    return CallTrace(
        connector=call.connector,
        operation=call.operation,
        step=call.step,
        read_only=call.read_only,
        verdict=verdict.kind,
        reason=verdict.reason,
        case=verdict.case,
        request=reply.sent,
        reply=_told(reply),
        source=reply.source,
        took_s=reply.took_s,
        idempotency_key=call.idempotency_key,
        arguments_sha=call.arguments_sha,
    )


def _told(reply: Reply) -> dict[str, Any]:
    """The reply as the trace tells it; `text` only where `body` does not say the same."""
    headers = reply.headers if reply.headers.__class__ is dict else dict(reply.headers)
    told: dict[str, Any] = {"status": reply.status, "headers": headers}
    if reply.body is not None:
        told["body"] = reply.body
    elif reply.text:
        told["text"] = reply.text
    if reply.error is not None:
        told |= {"error": reply.error, "detail": reply.detail}
    return told


@dataclass(frozen=True, slots=True)
class _Reads:
    """What a request is made of beside its arguments."""

    session: bool
    item: bool
    key: bool  # the idempotency key: a call that changes nothing has none unless it is read


def _of_operations(connector: Connector) -> Mapping[str, _Reads]:
    with_headers = frozenset().union(*(header.roots for header in connector.headers.values()))
    return {
        name: _of_roots(operation.request.roots | with_headers)
        for name, operation in connector.operations.items()
        if operation.request is not None
    }


def _of_roots(roots: frozenset[str]) -> _Reads:
    return _Reads(session="session" in roots, item="item" in roots or "index" in roots, key="idempotency_key" in roots)


_reads = WorkedOut(_of_operations)
