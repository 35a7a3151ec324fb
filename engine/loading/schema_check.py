"""Nodes against a JSON Schema: one message for each cause, at its place, that says what to write."""

from __future__ import annotations

from collections.abc import Iterator

from engine.loading.branches import choose
from engine.loading.failure import Failure, failure_of
from engine.loading.mismatch import Mismatch
from engine.loading.schemas import Schema, fast, schema, thorough
from engine.loading.source import Source
from engine.problem import Problem

_OF_A_VALUE = ("NSPS107", "NSPS108", "NSPS110")  # say nothing new about a value of the wrong type


def check_schema(source: Source, schema_name: str) -> list[Problem]:
    """Everything in the file that does not fit the schema (`nsps`, `connector`, `pipeline` or `test`), by line.

    Empty when it fits, and when the file could not be read. What `source.problems` says already is not said again.
    """
    if source.root is None:
        return []
    finder = Mismatch(source, source.root, schema_name)
    if source.root.kind == "null":
        return [finder.empty_file()]
    plain = source.root.plain()
    if fast(schema_name).is_valid(plain):
        return []
    root = schema(schema_name)
    problems: list[Problem] = []
    for error in thorough(schema_name).iter_errors(plain):
        for problem in _explain(failure_of(error, root), root, finder):
            if problem not in problems:
                problems.append(problem)
    told = {problem.place for problem in source.problems}
    problems = [problem for problem in problems if problem.place not in told]
    return sorted(_one_per_cause(problems), key=lambda problem: (problem.place.line, problem.place.column))


def _explain(failure: Failure, root: Schema, finder: Mismatch) -> Iterator[Problem]:
    """The problems behind one failure; of alternatives, those of the one that was meant."""
    if failure.rule not in ("oneOf", "anyOf"):
        yield from finder.problems(failure)
        return
    choice = choose(root, failure.limit, failure.instance)
    if choice.index is None:
        yield finder.undecided(failure, choice)
        return
    for branch, inner in failure.alternatives:
        if branch == choice.index:
            yield from _explain(inner, root, finder)


def _one_per_cause(problems: list[Problem]) -> list[Problem]:
    """Without what another message explains: a field that is missing because it is misspelt; all else in a file whose
    transport is not there yet."""
    later = [problem for problem in problems if problem.code == "NSPS111"]
    if later:
        return later
    untyped = {problem.place for problem in problems if problem.code == "NSPS106"}
    problems = [problem for problem in problems if problem.code not in _OF_A_VALUE or problem.place not in untyped]
    meant = {note for problem in problems if problem.code == "NSPS104" for note in problem.notes}
    return [problem for problem in problems if not _misspelt(problem, meant)]


def _misspelt(problem: Problem, notes: set[str]) -> bool:
    if problem.code not in ("NSPS105", "NSPS109"):
        return False
    return any(f"did you mean {name}?" in notes for name in problem.message.split() if name.startswith("`"))
