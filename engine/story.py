"""The trace of an attempt, told in lines: what dry-run, show and failing tests print."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from engine.terminal import faint, lasting, state, strong

Json = Mapping[str, Any]


def tell(trace: Json, *, full: bool = False) -> Iterator[str]:
    """The lines of one attempt: what was asked, mapped, skipped and sent, in order.

    `trace` is a decoded Trace. Bodies of changing calls are told; `full` adds those of reads, and pb_data.
    """
    for enrichment in trace.get("enrichments", ()):
        yield from _enrichment(enrichment, full)
    if full and trace.get("pb_data"):
        yield strong("  pb_data")
        yield from _value(trace["pb_data"], "    ")
    if trace.get("vars"):
        yield strong("  vars")
        for name, value in trace["vars"].items():
            yield f"    {name}: {_short(value)}"
    if trace.get("skipped_by"):
        yield f"  {state('skip', 'skip rule')} {trace['skipped_by']}"
    for step in trace.get("steps", ()):
        yield from _step(step, full)


def _enrichment(entry: Json, full: bool) -> Iterator[str]:
    if not entry["asked"]:
        yield f"  {faint('not asked')} {entry['name']}: {entry.get('why_not', '')}"
        return
    yield f"  {strong('asked')} {entry['name']}: {_verdict(entry)}"
    for call in entry.get("calls", ()):
        yield from _call(call, full)


def _step(step: Json, full: bool) -> Iterator[str]:
    item = f" item {step['index']}" if step.get("index") is not None else ""
    yield f"  {strong('step')} {step['id']}{item} ({step['call']}): {_verdict(step)}"
    for call in step.get("calls", ()):
        yield from _call(call, full)


def _call(call: Json, full: bool) -> Iterator[str]:
    request, reply = call.get("request"), call.get("reply")
    if call.get("source") == "remembered":
        yield f"    {faint('not repeated')}: it succeeded in an earlier attempt with the same arguments"
        return
    if request:
        yield f"    -> {request.get('method', '')} {request.get('url') or request.get('path', '')}"
        if full or not call.get("read_only"):
            yield from _body(request, ("json", "form", "xml", "text"))
    if reply:
        yield f"    <- {_answer(reply)}{_origin(call)}"
        if full or (not call.get("read_only") and call.get("verdict") != "ok"):
            yield from _body(reply, ("body", "text"))


def _answer(reply: Json) -> str:
    if reply.get("error"):
        return f"{state('retry', reply['error'])} {reply.get('detail', '')}".rstrip()
    return str(reply.get("status", ""))


def _origin(call: Json) -> str:
    words = {"cache": "from the cache", "script": "scripted", "example": "its example"}
    source = call.get("source", "wire")
    return "  " + faint(words.get(source, lasting(call.get("took_s", 0.0))))


def _verdict(entry: Json) -> str:
    verdict = entry.get("verdict")
    case = f" (case {entry['case']})" if entry.get("case") else ""
    reason = f": {entry['reason']}" if entry.get("reason") else ""
    return f"{state(verdict or 'waiting', verdict or 'not run')}{case}{reason}"


def _body(holder: Json, names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        if holder.get(name) not in (None, "", {}, []):
            yield from _value(holder[name], "       ")
            return


def _value(value: Any, indent: str) -> Iterator[str]:
    text = value if isinstance(value, str) else "\n".join(_json(value))
    for line in text.splitlines():
        yield indent + line


def _json(value: Any, room: int = 100) -> Iterator[str]:
    """JSON that breaks only where a line would be too long."""
    line = _short(value)
    if len(line) <= room or not isinstance(value, (dict, list)) or not value:
        yield line
        return
    pairs = value.items() if isinstance(value, dict) else ((None, element) for element in value)
    yield "{" if isinstance(value, dict) else "["
    last = len(value) - 1
    for number, (name, member) in enumerate(pairs):
        first, *rest = _json(member, room - 2)
        head = first if name is None else f"{_short(name)}: {first}"
        lines = [head, *rest]
        lines[-1] += "," if number < last else ""
        yield from (f"  {one}" for one in lines)
    yield "}" if isinstance(value, dict) else "]"


def _short(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
