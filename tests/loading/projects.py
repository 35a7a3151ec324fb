"""A sound project to start from, and what it looks like after a mistake."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from engine.loading.load import Loaded, load_project
from engine.problem import Problem

HERE = Path(__file__).parent
SOUND = HERE / "sound"
BROKEN = HERE / "broken"

SET = {
    "ESPF_PASSWORD": "espf-secret",
    "API_TOKEN": "api-secret",
    "BILLING_URL": "https://billing.test/rest",
    "BILLING_LOGIN": "nsps",
    "BILLING_TOKEN": "billing-secret",
    "HSS_URL": "https://hss.test",
    "HSS_TOKEN": "hss-secret",
}


def sound_in(folder: Path) -> Path:
    """A copy of the sound project."""
    return Path(shutil.copytree(SOUND, folder, dirs_exist_ok=True))


def changed(folder: Path, file: str, old: str, new: str) -> Path:
    """A copy of the sound project in which `old` of one file became `new`."""
    sound_in(folder)
    text = (folder / file).read_text()
    assert old in text, f"{file} does not hold {old!r}"
    (folder / file).write_text(text.replace(old, new, 1))
    return folder


def checked(folder: Path, environ: Mapping[str, str] | None = None) -> Loaded:
    """As `nsps validate` loads it."""
    return load_project(folder, environ or {}, placeholders=True)


def started(folder: Path, environ: Mapping[str, str]) -> Loaded:
    """As `nsps run` loads it."""
    return load_project(folder, environ, placeholders=False)


def line(problem: Problem) -> str:
    """A problem in one line."""
    return f"{problem.severity}[{problem.code}] {problem.place} {problem.message}"


def lines(loaded: Loaded) -> list[str]:
    """All problems, a line each."""
    return [line(problem) for problem in loaded.problems]
