"""Scripted replies in place of the wire: what tests and dry-runs answer, and what they saw leave."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import jsonschema
import orjson

from engine.catalog import Catalog
from engine.clock import Clock
from engine.connector import Operation
from engine.loading.schemas import schema
from engine.reading import read
from engine.request import Call, HttpRequest, Reply, Source

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One request as it left: `request` is {method, path, query, headers, json | form | xml | text}."""

    call: str  # connector.operation
    connector: str
    read_only: bool
    login: bool
    request: Json
    trace_id: str = ""  # of the event it was sent for


@dataclass(slots=True)
class Script:
    """Answers each call by the test's replies in call order, the last repeating; without any, by the operation's example.

    `missing` names operations that had neither: the test is wrong, whatever else it saw.
    """

    catalog: Catalog
    clock: Clock
    replies: Mapping[str, Sequence[Json]]
    sent: list[Sent] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)

    async def carry(self, call: Call, request: HttpRequest) -> Reply:
        """The reply the script has for this call. Opens no socket."""
        name = f"{call.connector}.{call.operation}"
        operation = self.catalog.operation(call.connector, call.operation)
        described = describe(request)
        login = call.operation in self.catalog.logins(call.connector)
        self.sent.append(
            Sent(
                call=name,
                connector=call.connector,
                read_only=operation.read_only,
                login=login,
                request=described,
                trace_id=call.trace_id,
            )
        )
        entry, source = self._entry(name, operation)
        return self._reply(entry, source, call, described)

    def _entry(self, name: str, operation: Operation) -> tuple[Json, Source]:
        script = self.replies.get(name)
        if script:
            entry = script[min(self.asked[name], len(script) - 1)]
            self.asked[name] += 1
            return entry, "script"
        if operation.example is None:
            self.missing.append(name)
            return {"error": "connect"}, "example"
        return operation.example, "example"

    def _reply(self, entry: Json, source: Source, call: Call, described: Json) -> Reply:
        now = self.clock.now()
        if error := entry.get("error"):
            return Reply(error=error, detail=f"scripted {error}", asked_at=now, source=source, sent=described)
        headers = {name.lower(): str(value) for name, value in entry.get("headers", {}).items()}
        text, body, unreadable = _content(entry, call)
        return Reply(
            status=entry.get("status", 200),
            headers=headers,
            text=text,
            body=body,
            error="unreadable" if unreadable else None,
            detail=unreadable or "",
            asked_at=now,
            source=source,
            sent=described,
        )


def reply_fault(entry: Any) -> str | None:
    """What is wrong with a scripted reply, by the schema of tests; None when nothing is."""
    error = next(_replies().iter_errors(entry), None)
    if error is None:
        return None
    where = ".".join(str(part) for part in error.absolute_path)
    return f"{where}: {error.message}" if where else str(error.message)


@cache
def _replies() -> Any:
    tests = schema("test")
    return jsonschema.Draft202012Validator({**tests["$defs"]["example"], "$defs": tests["$defs"]})


def _content(entry: Json, call: Call) -> tuple[str, Any, str | None]:
    if "text" in entry:
        reading = read(str(entry["text"]).encode(), call.reads)
        return reading.text, reading.body, reading.problem
    body = entry.get("body")
    if body is None:
        return "", None, None
    return body if isinstance(body, str) and call.reads != "json" else orjson.dumps(body).decode(), body, None


def describe(request: HttpRequest) -> dict[str, Any]:
    """The request as tests compare it: query and form as objects (a repeated name is a list), header names lower-case."""
    described: dict[str, Any] = {"method": request.method, "path": request.path}
    if request.query:
        described["query"] = _pairs(request.query)
    described["headers"] = {name.lower(): value for name, value in request.headers}
    if request.body:
        described[request.body] = _pairs(request.content) if request.body == "form" else request.content
    return described


def _pairs(pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        earlier = found.get(name)
        found[name] = value if earlier is None else [*(earlier if isinstance(earlier, list) else [earlier]), value]
    return found
