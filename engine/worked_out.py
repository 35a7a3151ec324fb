"""What is worked out once for each object of a configuration, such as a compiled schema."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

MOST = 20_000
_all: list[dict[int, Any]] = []


def forget_all() -> None:
    """Lets go of everything that was remembered, and of the objects with it: a configuration was replaced."""
    for kept in _all:
        kept.clear()


class WorkedOut(Generic[K, V]):
    """Remembers `make(thing)` by the identity of `thing`, which it keeps alive, so that no other can take its id."""

    def __init__(self, make: Callable[[K], V]) -> None:
        self._make = make
        self._kept: dict[int, tuple[K, V]] = {}
        _all.append(self._kept)

    def __call__(self, thing: K) -> V:
        """What was worked out for this very object, now or earlier."""
        found = self._kept.get(id(thing))
        if found is None:
            if len(self._kept) >= MOST:  # configurations come and go in tests and reloads
                self._kept.clear()
            found = self._kept[id(thing)] = (thing, self._make(thing))
        return found[1]
