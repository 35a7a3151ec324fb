"""What earlier attempts of a delivery already did, and what this one adds: no changing call is repeated for nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from engine.canonical import canonical
from engine.delivery import StepDone


def arguments_sha(arguments: Any) -> str:
    """A hash of the arguments a call is made with, keys in any order."""
    return hashlib.sha256(canonical(arguments)).hexdigest()[:32]


def idempotency_key(seed: str, step: str, sha: str) -> str:
    """A UUID as text (RFC 9562, version 8) derived from delivery, step and arguments: the same over all attempts."""
    digest = hashlib.sha256(f"{seed}\n{step}\n{sha}".encode()).hexdigest()
    variant = "89ab"[int(digest[16], 16) % 4]
    return f"{digest[:8]}-{digest[8:12]}-8{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"


class Progress:
    """The changing calls that succeeded, by step path and arguments.

    A call made twice with equal arguments (two equal items) is told apart by its occurrence: `sync`, then `sync#2`.
    A StepDone whose verdict is not `ok` takes an earlier one back: since then the step was sent other arguments, so what
    it sent before is no longer what the system holds.
    """

    def __init__(self, done: Iterable[StepDone]) -> None:
        self._known = {(step.step, step.arguments_sha): step for step in done}
        self._used: set[tuple[str, str]] = set()
        self._seen: dict[tuple[str, str], int] = {}

    @property
    def knows_any(self) -> bool:
        """Whether any call is known: of an earlier attempt, or of this one."""
        return bool(self._known)

    def occurrence(self, path: str, sha: str) -> str:
        """The name of the next call of `path` with these arguments within this attempt."""
        count = self._seen[path, sha] = self._seen.get((path, sha), 0) + 1
        return path if count == 1 else f"{path}#{count}"

    def remembered(self, name: str, sha: str) -> StepDone | None:
        """The call's outcome, when an earlier attempt made it."""
        known = self._known.get((name, sha))
        if known is None or known.verdict != "ok":
            return None
        self._used.add((name, sha))
        return known

    def stale(self, path: str) -> list[StepDone]:
        """Takes back what is remembered of `path` but was not met in this attempt: it was sent other arguments since."""
        old = [step for key, step in self._known.items() if self._is_stale(key, step, path)]
        taken_back = [StepDone(step=step.step, arguments_sha=step.arguments_sha, verdict="retry") for step in old]
        for step in taken_back:
            self._known[step.step, step.arguments_sha] = step
        return taken_back

    def _is_stale(self, key: tuple[str, str], step: StepDone, path: str) -> bool:
        return step.verdict == "ok" and key not in self._used and (key[0] == path or key[0].startswith(f"{path}#"))

    def add(self, step: StepDone) -> None:
        """Remembers a call that just succeeded."""
        self._known[step.step, step.arguments_sha] = step
        self._used.add((step.step, step.arguments_sha))

    def all(self) -> tuple[StepDone, ...]:
        """Everything known now, what was taken back too."""
        return tuple(self._known.values())
