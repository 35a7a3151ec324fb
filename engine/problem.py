"""One thing that is wrong in a file: code, place, message, what to write instead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.place import Place

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One message for one problem.

    `code` is stable (`NSPS104`) and explained by `nsps explain`. `length` is how many characters from `place` the
    caret underlines. `label` stands beside the caret. `notes` are the lines after it: "did you mean", "write: …".
    """

    code: str
    severity: Severity
    message: str
    place: Place
    length: int = 1
    label: str = ""
    notes: tuple[str, ...] = ()
