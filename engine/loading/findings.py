"""What is found wrong while a project is loaded, and exactly where."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from engine.loading.node import Node
from engine.place import Place
from engine.problem import Problem, Severity


@dataclass(frozen=True, slots=True)
class Spot:
    """A place and how many characters from there are meant."""

    place: Place
    length: int = 1


@dataclass(slots=True)
class Findings:
    """Collects problems; nothing is raised, so one mistake never hides another."""

    problems: list[Problem] = field(default_factory=list)

    @property
    def refused(self) -> bool:
        """Whether an error has been found."""
        return any(problem.severity == "error" for problem in self.problems)

    def error(self, code: str, message: str, at: Node | Spot, *, label: str = "", notes: Sequence[str] = ()) -> None:
        """Adds an error: the configuration is refused."""
        self._add("error", code, message, at, label, notes)

    def warning(self, code: str, message: str, at: Node | Spot, *, label: str = "", notes: Sequence[str] = ()) -> None:
        """Adds a warning: printed, but the configuration is accepted."""
        self._add("warning", code, message, at, label, notes)

    def _add(
        self, severity: Severity, code: str, message: str, at: Node | Spot, label: str, notes: Sequence[str]
    ) -> None:
        self.problems.append(
            Problem(
                code=code,
                severity=severity,
                message=message,
                place=at.place,
                length=max(1, at.length),
                label=label,
                notes=tuple(note for note in notes if note),
            )
        )


def key_spot(node: Node, key: str) -> Spot:
    """The key a member of a map was written with; the value's own place where it has none."""
    return Spot(node.key_place, len(key)) if node.key_place else Spot(node.place, node.length)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`did you mean …?` with the nearest name; empty when none is near."""
    names = list(known)
    lowered = {known_name.lower(): known_name for known_name in names}
    near = difflib.get_close_matches(name.lower(), list(lowered), n=1, cutoff=0.6)
    return f"did you mean `{lowered[near[0]]}`?" if near else ""


def known_names(what: str, names: Iterable[str], limit: int = 12) -> str:
    """`what: a, b, c`; says when there is none, and how many more there are."""
    listed = sorted(names)
    if not listed:
        return f"{what}: none"
    more = f" and {len(listed) - limit} more" if len(listed) > limit else ""
    return f"{what}: {', '.join(listed[:limit])}{more}"
