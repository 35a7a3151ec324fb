"""A reply to ok, retry, fail or skip, by the connector's rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from engine.connector import Operation, VerdictKind, VerdictRule
from engine.errors import OursFailed
from engine.expressions.kinds import holds
from engine.expressions.template import Omit
from engine.reply_words import in_words, retry_after_s
from engine.request import Fault, Reply
from engine.value import value

DecidedBy = Literal["rule", "default", "broken rule"]


@value
class Verdict:
    """What a call, a step or an operation made of steps came to.

    `status` and `fault` are of the reply behind it. `decided_by` tells a rule that held from the default, and from a rule
    or a result that fails on this reply. `unknown_once`: whether the `once` call was carried out is for a person to find out.
    """

    kind: VerdictKind
    reason: str = ""
    case: str | None = None
    result: Any = None
    answer: int | None = None
    retry_after_s: float | None = None
    status: int | str | None = None
    fault: Fault | None = None
    decided_by: DecidedBy = "default"
    unknown_once: bool = False

    @property
    def stops(self) -> bool:
        """Whether a run of steps ends here."""
        return self.kind in ("retry", "fail")


def judge(operation: Operation, reply: Reply, args: Mapping[str, Any], config: Mapping[str, Any]) -> Verdict:
    """The verdict of the first rule that holds; else `ok` for a readable success, and `retry` for everything else.

    Never raises for what the rules do: a rule or result that fails on this reply means `retry`, and the reason says which.
    """
    scope = {
        "status": reply.status,
        "headers": reply.headers,
        "body": reply.body,
        "text": reply.text,
        "error": reply.error,
        "args": args,
        "config": config,
    }
    rule: VerdictRule | None = None
    try:
        rule = _first_that_holds(operation.verdicts, scope)
        kind = rule.is_ if rule else _default(reply)
        result = _result(operation, rule, kind, scope)
    except OursFailed as failed:
        return _verdict(operation, reply, "retry", f"judging the reply failed: {failed}", decided_by="broken rule")
    if rule is None and kind == "ok":
        return Verdict(kind="ok", result=result, status=reply.status, fault=reply.error)
    if rule is None:
        return _verdict(operation, reply, kind, in_words(operation, reply), result=result)
    return _by_rule(rule, operation, reply, scope, result)


def _by_rule(rule: VerdictRule, operation: Operation, reply: Reply, scope: Mapping[str, Any], result: Any) -> Verdict:
    return _verdict(
        operation,
        reply,
        rule.is_,
        _reason(rule, operation, reply, scope),
        result=result,
        case=rule.case,
        answer=rule.answer,
        decided_by="rule",
    )


def _verdict(operation: Operation, reply: Reply, kind: VerdictKind, reason: str, **more: Any) -> Verdict:
    return Verdict(
        kind=kind,
        reason=reason,
        retry_after_s=retry_after_s(reply) if kind == "retry" else None,
        status=reply.status,
        fault=reply.error,
        **more,
    )


def _first_that_holds(rules: tuple[VerdictRule, ...], scope: Mapping[str, Any]) -> VerdictRule | None:
    for rule in rules:
        if rule.when is None or holds(rule.when.evaluate(scope)):
            return rule
    return None


def _default(reply: Reply) -> VerdictKind:
    if reply.error is not None:
        return "retry"
    return "ok" if not isinstance(reply.status, int) or 200 <= reply.status < 300 else "retry"


def _result(operation: Operation, rule: VerdictRule | None, kind: VerdictKind, scope: Mapping[str, Any]) -> Any:
    if rule is not None and rule.result is not None:
        return rule.result.evaluate(scope)
    if kind != "ok":
        return None
    return scope["body"] if operation.result is None else operation.result.evaluate(scope)


def _reason(rule: VerdictRule, operation: Operation, reply: Reply, scope: Mapping[str, Any]) -> str:
    if rule.reason is None:
        return "" if rule.is_ == "ok" else in_words(operation, reply)
    try:
        text = rule.reason.render(scope)
    except OursFailed as failed:  # words that fail must not turn a success into a repeat
        return f"{in_words(operation, reply)} (the rule's reason failed: {failed})"
    return "" if isinstance(text, Omit) else text.strip()
