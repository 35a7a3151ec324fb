"""Which regular expressions can run for ever, as far as it can be seen in them."""

from __future__ import annotations

import re
from typing import Any

_parser: Any = getattr(re, "_parser")  # noqa: B009  (the standard library's own parser; `sre_parse` before 3.11)
_REPEATS = frozenset({_parser.MAX_REPEAT, _parser.MIN_REPEAT})
_SAFE_BELOW = 32  # repeated fewer times than this, the work stays small


def runs_away(pattern: str) -> bool:
    """Whether an unbounded repetition repeats nothing but another one, such as `(a+)+` or `(\\d*)*`."""
    return _any_nested(_parser.parse(pattern))


def _any_nested(items: Any) -> bool:
    return any(
        (_unbounded(item) and _only_a_repeat(item[1][2])) or any(map(_any_nested, _inside(item))) for item in items
    )


def _unbounded(item: Any) -> bool:
    return item[0] in _REPEATS and int(item[1][1]) >= _SAFE_BELOW


def _only_a_repeat(items: Any) -> bool:
    """Whether these items can match as one unbounded repetition: nothing fixed stands between its turns."""
    fixed = [item for item in items if item[0] not in _REPEATS and item[0] is not _parser.SUBPATTERN]
    if fixed:
        return False
    return any(
        _unbounded(item) or (item[0] is _parser.SUBPATTERN and _only_a_repeat(item[1][-1])) for item in items
    ) and all(_may_vanish(item, items) for item in items)


def _may_vanish(item: Any, items: Any) -> bool:
    """Whether an item beside the repetition may match nothing, so that turns run into one another."""
    return len(items) == 1 or (item[0] in _REPEATS and (item[1][0] == 0 or _unbounded(item)))


def _inside(item: Any) -> list[Any]:
    operator, content = item
    if operator in _REPEATS:
        return [content[2]]
    if operator is _parser.SUBPATTERN:
        return [content[-1]]
    if operator is _parser.BRANCH:
        return list(content[1])
    return [content[1]] if operator in (_parser.ASSERT, _parser.ASSERT_NOT) else []
