"""A trace as bytes: JSON, masked and bounded, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from engine.delivery import CallTrace, Ending, EnrichmentTrace, StepTrace, Trace

MOST_BYTES = 64 * 1024
MASKED = "•••"
SHORTEST_SECRET = 4  # a shorter one is masked only where it is the whole value
VERSION = 1

Mask = Callable[[str], str]

# How much of a text, and of a body as JSON, is told; the first that fits into MOST_BYTES is taken.
_LIMITS = ((16_384, 32_768), (4_096, 8_192), (1_024, 1_024), (200, 200))

_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie", "www-authenticate"})
_SECRET_WORDS = ("token", "secret", "password", "api-key", "apikey", "signature", "session")


def encode(trace: Trace, ending: Ending, mask: Mask) -> bytes:
    """The trace and its ending as JSON of at most 64 KiB, every secret masked.

    `mask` masks the project's secrets in a text; values of arguments declared `secret: true` are masked here.
    """
    masked = _Masker(mask, trace.secrets)
    whole = _told(trace, ending)
    clean = masked.value(whole)
    for text_most, body_most in _LIMITS:
        data = _dump(_Bounds(text_most, body_most).value(clean))
        if len(data) <= MOST_BYTES:
            return data
    return _dump(_Bounds(200, 200).value(_outline(clean)))


def decode(data: bytes) -> dict[str, Any]:
    """What `encode` told: {v, ending, enrichments, pb_data, vars, skipped_by, search, steps}."""
    found = orjson.loads(data)
    return found if isinstance(found, dict) else {}


def _dump(value: Any) -> bytes:
    return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS)


def _told(trace: Trace, ending: Ending) -> dict[str, Any]:
    return {
        "v": VERSION,
        "ending": {
            "kind": ending.kind,
            "reason": ending.reason,
            "ours": ending.ours,
            "fault": ending.fault,
            "status": ending.status,
            "answer": ending.answer,
            "retry_after_s": ending.retry_after_s,
            "wait_until": ending.wait_until.isoformat() if ending.wait_until else None,
            "unknown_once": ending.unknown_once,
        },
        "enrichments": [_enrichment(one) for one in trace.enrichments],
        "pb_data": trace.pb_data,
        "vars": trace.vars,
        "skipped_by": trace.skipped_by,
        "search": trace.search,
        "steps": [_step(one) for one in trace.steps],
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
        "request": _without_credentials(one.request),
        "reply": _without_credentials(one.reply),
        "source": one.source,
        "took_s": round(one.took_s, 6),
        "idempotency_key": one.idempotency_key,
        "arguments_sha": one.arguments_sha,
    }


def _without_credentials(message: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The message; headers that carry credentials are masked whatever they hold."""
    headers = message.get("headers") if message else None
    if not headers or message is None:
        return message
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return {**message, "headers": {name: MASKED if is_secret_header(name) else text for name, text in pairs}}


def is_secret_header(name: str) -> bool:
    """Whether a header of this name carries credentials."""
    lower = name.lower()
    return lower in _SECRET_HEADERS or any(word in lower for word in _SECRET_WORDS)


class _Masker:
    """Masks secrets in every text of a value, keys too; a number that holds one becomes text."""

    def __init__(self, mask: Mask, secrets: set[str]) -> None:
        self._mask = mask
        self._whole = secrets
        self._parts = sorted((one for one in secrets if len(one) >= SHORTEST_SECRET), key=len, reverse=True)

    def value(self, value: Any) -> Any:
        """The value masked; itself where its JSON shows that nothing is to be masked, the usual case."""
        text = _dump(value).decode()
        if "\\" not in text and not self._whole and self._mask(text) == text:
            return value  # nothing is escaped in it, so nothing hides in it
        return self._each(value)

    def _each(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, Mapping):
            return {self._text(str(name)): self._each(member) for name, member in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._each(element) for element in value]
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            text = str(value)
            return value if self._text(text) == text else self._text(text)
        return value

    def _text(self, text: str) -> str:
        if text in self._whole:
            return MASKED
        for part in self._parts:
            text = text.replace(part, MASKED)
        return self._mask(text)


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
