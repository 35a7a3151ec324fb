"""The hints this process holds: ids worth a claim, by pipeline, bounded. The store has the truth; a lost hint costs a look."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

CLAIM_AT_ONCE = 50  # the batch the claim was measured with


class Backlog:
    """Ids that wait for room in this process, each once. What does not fit is dropped: the sweep finds it again."""

    def __init__(self, per_pipeline: int = 10_000) -> None:
        self._per_pipeline = per_pipeline
        self._ids: dict[str, dict[int, None]] = {}
        self._suspects: deque[int] = deque()
        self.size = 0

    def add(self, pipeline: str, ids: Iterable[int]) -> None:
        """Holds these ids, as far as there is place."""
        held = self._ids.setdefault(pipeline, {})
        before = len(held)
        for delivery_id in ids:
            if len(held) >= self._per_pipeline:
                break
            held[delivery_id] = None
        self.size += len(held) - before

    def add_suspect(self, delivery_id: int) -> None:
        """Holds one that was in flight at a crash: it runs alone."""
        if delivery_id not in self._suspects and len(self._suspects) < self._per_pipeline:
            self._suspects.append(delivery_id)

    def take(self, free: Callable[[str], int], most: int) -> list[int]:
        """Up to a claim's worth of ids and at most `most`, oldest first, of pipelines that have room; they leave the backlog."""
        taken: list[int] = []
        for pipeline in list(self._ids):
            share = min(free(pipeline), min(most, CLAIM_AT_ONCE) - len(taken))
            taken += self._take_of(pipeline, share)
        return taken

    def take_suspect(self) -> int | None:
        """The next that must run alone."""
        return self._suspects.popleft() if self._suspects else None

    def _take_of(self, pipeline: str, share: int) -> list[int]:
        """The pipeline goes to the end of the line, so that the next claim begins with another."""
        if share <= 0:
            return []
        held = self._ids.pop(pipeline)
        ids = [delivery_id for delivery_id, _ in zip(held, range(share), strict=False)]
        for delivery_id in ids:
            del held[delivery_id]
        if held:
            self._ids[pipeline] = held
        self.size -= len(ids)
        return ids
