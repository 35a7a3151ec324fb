"""JSON as columns hold it, and the values of the engine as such JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import orjson

from engine.delivery import Ending, StepDone

LARGEST = 2**63 - 1


def to_json(value: Any) -> bytes:
    """`value` as JSON. What orjson refuses goes the slow way and begins with a space, so that it is read that way too:
    integers beyond 64 bits, which orjson would read as floats, and lone surrogates."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return b" " + json.dumps(value, default=str).encode("utf-8")


def from_json(text: bytes | str) -> Any:
    """The value; what `to_json` wrote comes back as it was. Raises ValueError for what is no JSON."""
    slow = text.startswith(" ") if isinstance(text, str) else text.startswith(b" ")
    return json.loads(text) if slow else orjson.loads(text)


def storable(text: str) -> str:
    """`text` with NUL and lone surrogates spelled out: no server's text column takes them."""
    if text.isascii() and "\x00" not in text:
        return text
    return text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8")


def storable_or_none(text: str | None) -> str | None:
    return None if text is None else storable(text)


def bounded(number: int) -> int:
    """`number` within 64 bits: a sender may post any."""
    return max(-LARGEST, min(LARGEST, number))


def step_line(step: StepDone) -> str:
    """One finished step as a line of `progress`."""
    return to_json(asdict(step)).decode("utf-8") + "\n"


def steps_done(progress: str | None) -> tuple[StepDone, ...]:
    """What `progress` says is done; of two lines about the same call the later counts."""
    found = (StepDone(**from_json(line)) for line in (progress or "").splitlines() if line)
    return tuple({(step.step, step.arguments_sha): step for step in found}.values())


def merged(progress: str | None, done: Iterable[StepDone]) -> str | None:
    """`progress` with `done` laid over it, each call once. None when nothing is done."""
    steps = {(step.step, step.arguments_sha): step for step in (*steps_done(progress), *done)}
    return "".join(map(step_line, steps.values())) or None


def names(chosen: Sequence[str] | frozenset[str]) -> str | None:
    """Names of steps as JSON, None for none."""
    return to_json(sorted(chosen)).decode() if chosen else None


def name_set(text: str | None) -> frozenset[str]:
    return frozenset(from_json(text)) if text else frozenset()


def ending_json(ending: Ending) -> str:
    """What a sender that waits is answered by, also by another process."""
    told = {
        "kind": ending.kind,
        "answer": ending.answer,
        "fault": ending.fault,
        "status": ending.status,
        "ours": ending.ours,
        "retry_after_s": ending.retry_after_s,
    }
    return to_json(told).decode("utf-8")
