"""What a report is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from engine.problem import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """Sorted problems without secrets, the texts they stand in, and how many files were looked at."""

    problems: Sequence[Problem]
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)
    files: int = 0
    colour: bool = False

    def count(self, severity: str) -> int:
        """How many problems there are of a severity."""
        return sum(problem.severity == severity for problem in self.problems)

    def tally(self) -> str:
        """`2 errors, 1 warning in 14 files`."""
        counts = [(self.count("error"), "error"), (self.count("warning"), "warning")]
        found = ", ".join(_several(count, word) for count, word in counts if count) or "no problems"
        return f"{found} in {_several(self.files, 'file')}"


def _several(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
