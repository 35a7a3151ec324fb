"""Problems as people and programs read them: text, json, github, sarif, junit."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from engine.authoring.concealing import conceal, literal_secrets, without_literals
from engine.authoring.report_formats import as_github, as_json, as_junit, as_sarif
from engine.authoring.report_text import as_text
from engine.authoring.reported import Reported
from engine.errors import WrongUse
from engine.problem import Problem

FORMATS: dict[str, Callable[[Reported], str]] = {
    "text": as_text,
    "json": as_json,
    "github": as_github,
    "sarif": as_sarif,
    "junit": as_junit,
}


def render_report(
    problems: Sequence[Problem],
    texts: Mapping[str, str],
    form: str = "text",
    *,
    files: int | None = None,
    colour: bool = False,
    secrets: Collection[str] = (),
) -> str:
    """The problems in one of FORMATS, in the order given, with a tally; without a line end at the end.

    `texts` maps a file's name to its text, for excerpts; `files` is how many were looked at (default: as many as there
    are texts). `secrets` are values that must not appear; literals where a secret belongs do not appear either. Colours
    are only in `text`, and only if asked for. Raises WrongUse for a form there is none of.
    """
    if form not in FORMATS:
        raise WrongUse(f"there is no format `{form}`; there are {', '.join(FORMATS)}")
    told = {problem.place.file for problem in problems}
    hidden = {file: frozenset(secrets) | literal_secrets(texts.get(file, "")) for file in told}
    shown = [_without_secrets(problem, hidden[problem.place.file]) for problem in problems]
    return FORMATS[form](
        Reported(
            problems=list(dict.fromkeys(shown)),
            texts={
                file: conceal(without_literals(text), hidden[file]) if file in told else text
                for file, text in texts.items()
            },
            files=len(texts) if files is None else files,
            colour=colour,
        )
    )


def _without_secrets(problem: Problem, secrets: Collection[str]) -> Problem:
    return replace(
        problem,
        message=conceal(problem.message, secrets),
        label=conceal(problem.label, secrets),
        notes=tuple(conceal(note, secrets) for note in problem.notes),
    )
