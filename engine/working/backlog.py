"""The hints this process holds: ids worth a claim, by pipeline, bounded. The store has the truth; a lost hint costs a look."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

CLAIM_AT_ONCE = 50  # the batch the claim was measured with
A_LOOK = 500  # ids that come at once when the sweep looks


class Backlog:
    """Ids that wait for room in this process, each once. What does not fit is dropped: the sweep finds it again."""

    def __init__(self, per_pipeline: int = 10_000) -> None:
        self._per_pipeline = per_pipeline
        self._ids: dict[str, dict[int, None]] = {}
        self._suspects: deque[int] = deque()
        self._moving: set[str] = set()
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

    def take(self, free: Callable[[str, int], int]) -> list[int]:
        """Up to a claim's worth of ids, oldest first, of pipelines that have room; they leave the backlog.

        `free` says how many of a pipeline may start, beside so many others that are taken already.
        """
        taken: list[int] = []
        for pipeline in list(self._ids):
            share = min(free(pipeline, len(taken)), CLAIM_AT_ONCE - len(taken))
            taken += self._take_of(pipeline, share)
        return taken

    def drain(self) -> dict[str, list[int]]:
        """All ids, by pipeline; they leave the backlog. Suspects stay: nobody is hinted of those."""
        drained = {pipeline: list(ids) for pipeline, ids in self._ids.items() if ids}
        self._ids, self.size = {}, 0
        return drained

    def full(self) -> tuple[str, ...]:
        """The pipelines that have all the hints they may hold here, and that began some since this was last asked.

        Looking for more of those would only lose the look. Those that stand still are looked at ever less often anyway.
        """
        moving, self._moving = self._moving, set()
        return tuple(one for one in moving if len(self._ids.get(one, ())) > self._per_pipeline - A_LOOK)

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
        self._moving.add(pipeline)
        return ids
