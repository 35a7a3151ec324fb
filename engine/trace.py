"""A trace as bytes: JSON, masked and bounded, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from engine.delivery import CallTrace, Ending, EnrichmentTrace, StepTrace, Trace
from engine.masking import MASK, Masker

MOST_BYTES = 64 * 1024
VERSION = 1

# How much of each text, and of each body as JSON, is told where the whole is too large: the first that makes it fit.
_LIMITS = ((16_384, 32_768), (4_096, 8_192), (1_024, 1_024), (200, 200))

_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie", "www-authenticate"})
_SECRET_WORDS = ("token", "secret", "password", "api-key", "apikey", "signature", "session")


def encode(trace: Trace, ending: Ending | None, masker: Masker) -> bytes:
    """The trace, with its ending if there is one, as JSON of at most 64 KiB.

    Masked are the masker's secrets, values of arguments declared `secret: true`, and headers that carry credentials.
    """
    return bounded(masker.dumps(told(trace, ending), trace.secrets))


def bounded(data: bytes) -> bytes:
    """A masked trace as JSON of at most 64 KiB: long texts and bodies, then whole calls, are left out."""
    if len(data) <= MOST_BYTES:
        return data
    clean = json.loads(data)  # as the masker writes: orjson reads no integers beyond 64 bits
    for text_most, body_most in _LIMITS:
        data = _dump(_Bounds(text_most, body_most).value(clean))
        if len(data) <= MOST_BYTES:
            return data
    return _dump(_Bounds(200, 200).value(_outline(clean)))


def decode(data: bytes) -> dict[str, Any]:
    """What `encode` told: {v, ending, enrichments, pb_data, vars, skipped_by, search, steps}."""
    found = json.loads(data)
    return found if isinstance(found, dict) else {}


def _dump(value: Any) -> bytes:
    """JSON, keys in the order they stand; a lone surrogate as its escape."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")


def told(trace: Trace, ending: Ending | None) -> dict[str, Any]:
    """The trace as a JSON value, headers that carry credentials masked; other secrets are the masker's."""
    return {
        "v": VERSION,
        "ending": _ending(ending) if ending else None,
        "enrichments": [_enrichment(one) for one in trace.enrichments],
        "pb_data": trace.pb_data,
        "vars": trace.vars,
        "skipped_by": trace.skipped_by,
        "search": trace.search,
        "steps": [_step(one) for one in trace.steps],
    }


def _ending(ending: Ending) -> dict[str, Any]:
    return {
        "kind": ending.kind,
        "reason": ending.reason,
        "ours": ending.ours,
        "fault": ending.fault,
        "status": ending.status,
        "answer": ending.answer,
        "retry_after_s": ending.retry_after_s,
        "wait_until": ending.wait_until.isoformat() if ending.wait_until else None,
        "unknown_once": ending.unknown_once,
    }


def _enrichment(one: EnrichmentTrace) -> dict[str, Any]:
    return {
        "name": one.name,
        "asked": one.asked,
        "why_not": one.why_not,
        "verdict": one.verdict,
        "reason": one.reason,
        "calls": [_call(call) for call in one.calls],
    }


def _step(one: StepTrace) -> dict[str, Any]:
    return {
        "id": one.id,
        "call": one.call,
        "verdict": one.verdict,
        "case": one.case,
        "reason": one.reason,
        "item": one.item,
        "index": one.index,
        "calls": [_call(call) for call in one.calls],
    }


def _call(one: CallTrace) -> dict[str, Any]:
    return {
        "connector": one.connector,
        "operation": one.operation,
        "step": one.step,
        "read_only": one.read_only,
        "verdict": one.verdict,
        "reason": one.reason,
        "case": one.case,
        "request": without_credentials(one.request),
        "reply": without_credentials(one.reply),
        "source": one.source,
        "took_s": round(one.took_s, 6),
        "idempotency_key": one.idempotency_key,
        "arguments_sha": one.arguments_sha,
    }


def without_credentials(message: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The message; headers that carry credentials are masked whatever they hold."""
    headers = message.get("headers") if message else None
    if not headers or message is None:
        return message
    named = headers.__class__ is dict or isinstance(headers, Mapping)
    if not _any_secret(tuple(headers) if named else tuple([name for name, _ in headers])):
        return message
    pairs = headers.items() if named else headers
    return {**message, "headers": {name: MASK if is_secret_header(name) else text for name, text in pairs}}


@lru_cache(maxsize=1024)  # a system sends the same names again and again
def _any_secret(names: tuple[str, ...]) -> bool:
    return any(is_secret_header(name) for name in names)


@lru_cache(maxsize=1024)  # few names, five in each call
def is_secret_header(name: str) -> bool:
    """Whether a header of this name carries credentials."""
    lower = name.lower()
    return lower in _SECRET_HEADERS or any(word in lower for word in _SECRET_WORDS)


@dataclass(frozen=True, slots=True)
class _Bounds:
    """Cuts texts and bodies. A body that is too large becomes the beginning of its JSON."""

    text_most: int
    body_most: int

    def value(self, value: Any) -> Any:
        """The value with every text cut that is too long."""
        if isinstance(value, str):
            return _cut(value, self.text_most)
        if isinstance(value, Mapping):
            return {name: self._member(name, member) for name, member in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(element) for element in value]
        return value

    def _member(self, name: str, value: Any) -> Any:
        if name in ("body", "json", "pb_data", "item", "vars") and isinstance(value, (Mapping, list)):
            data = _dump(value)
            if len(data) > self.body_most:
                return _cut(data.decode(), self.body_most)
            if len(data) <= self.text_most:
                return value  # no text in it can be too long
        return self.value(value)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}… {len(text) - most:,} characters more"


def _outline(told: Mapping[str, Any]) -> dict[str, Any]:
    """What is left when even short texts are too much: thousands of calls. The first and the last are told."""
    return {
        **told,
        "enrichments": [_first_and_last(one) for one in _first_and_last(told["enrichments"])],
        "steps": _first_and_last([{**step, "calls": step["calls"][-1:]} for step in told["steps"]]),
        "omitted": {"enrichments": len(told["enrichments"]), "steps": len(told["steps"])},
    }


def _first_and_last(entries: Any, most: int = 20) -> Any:
    return entries if len(entries) <= 2 * most else [*entries[:most], *entries[-most:]]
