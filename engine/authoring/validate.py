"""`nsps validate`: everything a project declares, checked by the loader itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.authoring.report import render_report
from engine.errors import WrongUse
from engine.loading.load import Loaded, load_project
from engine.problem import Problem


def check(folder: Path) -> Loaded:
    """The project as the loader sees it: no environment is needed, unset names are placeholders."""
    return load_project(folder, {}, placeholders=True)


def chosen(loaded: Loaded, folder: Path, paths: Sequence[Path]) -> tuple[Problem, ...]:
    """The problems of the files or folders asked for; all when none is named. Raises WrongUse for a path that is not there."""
    if not paths:
        return loaded.problems
    wanted = [_inside(folder, path) for path in paths]
    return tuple(p for p in loaded.problems if any(_is_in(p.place.file, path) for path in wanted))


def _inside(folder: Path, path: Path) -> str:
    if not path.exists():
        raise WrongUse(f"{path} is not there")
    try:
        return str(path.resolve().relative_to(folder.resolve()))
    except ValueError:
        raise WrongUse(f"{path} is not in the project {folder}; name the project with --project") from None


def _is_in(file: str, path: str) -> bool:
    return path in (".", file) or file.startswith(path.rstrip("/") + "/")


def refuses(problems: Sequence[Problem], *, strict: bool) -> bool:
    """Whether these problems refuse the project: errors do, and warnings when `strict`."""
    return any(strict or p.severity == "error" for p in problems)


def report(loaded: Loaded, problems: Sequence[Problem], form: str, *, colour: bool) -> str:
    """The problems in one of the forms text, json, github, sarif, junit."""
    return render_report(problems, loaded.texts, form, files=loaded.files, colour=colour)
