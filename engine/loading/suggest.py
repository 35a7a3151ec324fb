"""The names somebody may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable

# What other tools call it. A word is only suggested where it is a choice.
_OTHER_WORDS: dict[str, tuple[str, ...]] = {
    "action": ("call", "method"),
    "arguments": ("with", "args"),
    "body": ("json",),
    "condition": ("when",),
    "data": ("json",),
    "endpoint": ("base_url", "path"),
    "event_types": ("events",),
    "filter": ("when",),
    "foreach": ("for_each",),
    "if": ("when",),
    "inputs": ("args",),
    "mapping": ("map",),
    "message": ("reason",),
    "params": ("query", "args"),
    "parameters": ("args", "query"),
    "response": ("reply", "example"),
    "retry_policy": ("retry",),
    "steps": ("dispatch",),
    "ttl": ("cache",),
    "uri": ("path", "base_url"),
    "url": ("base_url", "path"),
    "username": ("user",),
    "variables": ("config", "vars"),
    "verb": ("method",),
    "verdict": ("verdicts", "is"),
}
_NEAR = 0.6


def nearest(word: str, choices: Collection[str]) -> str | None:
    """The choice that was probably meant, None when none is near."""
    plain = {_plain(choice): choice for choice in choices}
    if _plain(word) in plain:
        return plain[_plain(word)]
    for other in _OTHER_WORDS.get(word.lower().replace("-", "_"), ()):
        if other in choices:
            return other
    found = difflib.get_close_matches(_plain(word), list(plain), n=1, cutoff=_NEAR)
    return plain[found[0]] if found else None


def did_you_mean(word: str, choices: Collection[str]) -> tuple[str, ...]:
    """A note that names the nearest choice; none when none is near."""
    found = nearest(word, choices)
    return (f"did you mean `{found}`?",) if found else ()


def listed(names: Iterable[str], last: str = "and") -> str:
    """Names in backticks, for a sentence: `a`, `b` and `c`."""
    quoted = [f"`{name}`" for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} {last} {quoted[-1]}" if quoted else ""


def _plain(word: str) -> str:
    return word.lower().replace("-", "").replace("_", "").replace("?", "")
