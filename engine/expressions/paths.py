"""Chains of keys as closures: `data.variables.i_account`, null where anything on the way is missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Closure = Callable[[Any], Any]


def path(names: tuple[str, ...]) -> Closure:
    """The closure that follows these keys. Only objects have keys: from all else it comes back null."""
    if len(names) == 1:
        return _path1(names[0])
    if len(names) == 2:
        return _path2(*names)
    return _path3(names[0], names[1], names[2]) if len(names) == 3 else _long_path(names)


def _path1(name: str) -> Closure:
    def run(value: Any) -> Any:
        try:
            return value.get(name)
        except AttributeError:
            return None

    return run


def _path2(first: str, second: str) -> Closure:
    def run(value: Any) -> Any:
        try:
            return value.get(first).get(second)
        except AttributeError:
            return None

    return run


def _path3(first: str, second: str, third: str) -> Closure:
    def run(value: Any) -> Any:
        try:
            return value.get(first).get(second).get(third)
        except AttributeError:
            return None

    return run


def _long_path(names: tuple[str, ...]) -> Closure:
    def run(value: Any) -> Any:
        try:
            for name in names:
                value = value.get(name)
        except AttributeError:
            return None
        return value

    return run
