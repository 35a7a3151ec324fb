"""What a problem's code means."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """One stable code: what `nsps explain` prints. `wrong` and `right` are excerpts of YAML."""

    code: str
    title: str
    explanation: str
    wrong: str
    right: str
