"""A project's folder to a Catalog, or to everything that is wrong with it at once."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from engine.case import TestFile
from engine.catalog import Catalog
from engine.connector import Connector
from engine.errors import ConfigurationRefused
from engine.loading.assemble import Assembly
from engine.loading.environment import Environ
from engine.loading.files import SETTINGS
from engine.loading.lint_events import check_events
from engine.loading.lint_names import check_names
from engine.loading.lint_operations import check_operations
from engine.loading.lint_reads import check_reads
from engine.loading.lint_secrets import secret_values
from engine.loading.lint_tests import check_tests
from engine.loading.lint_unused import check_unused
from engine.loading.project import Part, Project
from engine.loading.references import check_references, check_retries_named
from engine.loading.refusal import refuse_unset
from engine.place import Place
from engine.problem import Problem
from engine.settings import Settings

CHECKS: Final = (
    check_names,
    check_retries_named,
    check_references,
    check_reads,
    check_operations,
    check_events,
    check_tests,
    check_unused,
)

_IGNORE: Final = re.compile(r"#\s*nsps:\s*ignore\s+((?:NSPS\d+[,\s]*)+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What loading a project gave. `catalog` None when it is refused.

    `readable` is what could be read of it all the same, None when nsps.yaml itself has errors: for looking into the store,
    never to run. `problems` are sorted: errors before warnings, by file and line. `texts` holds each file read, by its name
    in problems; `files` is how many.
    """

    catalog: Catalog | None
    readable: Catalog | None = None
    problems: tuple[Problem, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)
    files: int = 0
    tests: tuple[TestFile, ...] = ()

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that refuse it."""
        return tuple(problem for problem in self.problems if problem.severity == "error")


def open_project(folder: Path, environ: Mapping[str, str]) -> Catalog:
    """The catalog a process starts with. Raises ConfigurationRefused with all problems."""
    loaded = load_project(folder, environ, placeholders=False)
    if loaded.catalog is None:
        raise ConfigurationRefused(loaded.problems, loaded.texts)
    return loaded.catalog


def load_project(folder: Path, environ: Mapping[str, str], *, placeholders: bool) -> Loaded:
    """Reads nsps.yaml, connectors, pipelines and tests, with the library's connectors they call.

    With `placeholders` (validate, test, dry-run) every pipeline is on unless `enabled: false`, and an unset variable
    becomes a visible placeholder. Without (run, serve) what `needs` an unset variable is off, and any other unset one
    that is needed is a problem. Never raises for what the files hold.
    """
    assembly = Assembly(folder=folder, environ=Environ(environ), placeholders=placeholders)
    project = assembly.all()
    for check in CHECKS:
        check(project)
    if not placeholders:
        refuse_unset(project)
    found = _heeded(_one_per_cause(project.findings.problems), assembly.texts)
    problems = _sorted(found, list(assembly.texts))
    refused = {problem.place.file for problem in problems if problem.severity == "error"}
    sound = project.settings is not None and SETTINGS not in refused
    readable = _catalog(project, assembly, project.settings.value) if project.settings and sound else None
    return Loaded(
        catalog=None if refused else readable,
        readable=readable,
        problems=problems,
        texts=assembly.texts,
        files=len(assembly.texts),
        tests=tuple(part.value for part in project.tests),
    )


def _catalog(project: Project, assembly: Assembly, settings: Settings) -> Catalog:
    files = _snapshot(project, assembly)
    parts: list[Part[Settings] | Part[Connector]] = [*project.connectors.values()]
    if project.settings:
        parts.append(project.settings)
    unset = {name for part in parts for name in _unset(part)}
    secrets = frozenset().union(
        *(part.draft.filled.secrets for part in parts),
        *(secret_values(part.root, part.draft.filled.placeholders) for part in parts),
    )
    return Catalog(
        project=assembly.folder,
        settings=settings,
        connectors={
            name: replace(part.value, identity=_identity(part, assembly), unset=_unset(part))
            for name, part in project.connectors.items()
        },
        pipelines={name: part.value for name, part in project.pipelines.items()},
        hash=_hash(files),
        files=files,
        secrets=frozenset(secrets),
        unset=tuple(sorted(unset)),
    )


def _unset(part: Part[Settings] | Part[Connector]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(reading.name for reading in part.readings if reading.unset))


def _identity(part: Part[Connector], assembly: Assembly) -> str:
    """Names a connector as it is: its text, what it reads of the environment, its certificates."""
    told = [assembly.texts[part.file].encode(), repr(part.root.plain()).encode(errors="backslashreplace")]
    told += [_content(assembly.folder / file) for file in part.value.tls.files]
    return _digest(told)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""  # the connector says so when it is called


def _snapshot(project: Project, assembly: Assembly) -> dict[str, str]:
    """The files a process works from; the library's under names that are the same on every machine."""
    names = {part.file: part.file for part in project.pipelines.values()}
    for name, part in project.connectors.items():
        names[part.file] = f"library/connectors/{name}.yaml" if part.library else part.file
    if project.settings:
        names[project.settings.file] = project.settings.file
    return {name: assembly.texts[file] for file, name in sorted(names.items(), key=lambda item: item[1])}


def _hash(files: Mapping[str, str]) -> str:
    return _digest(part.encode() for name, text in files.items() for part in (name, text))


def _digest(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


def _one_per_cause(problems: Sequence[Problem]) -> list[Problem]:
    """Without what the schema says of a place that a reference or the environment explains better, and what follows from
    text that was read as a name."""
    explained = {problem.place for problem in problems if problem.code >= "NSPS200" and problem.severity == "error"}
    texts = [problem for problem in problems if problem.code == "NSPS307"]  # text in double quotes was read as a name
    found = [one for one in problems if one.code >= "NSPS200" or one.place not in explained]
    return [one for one in found if one.code != "NSPS214" or not any(_within(one.place, text) for text in texts)]


def _within(place: Place, problem: Problem) -> bool:
    first = problem.place
    same = (place.file, place.line) == (first.file, first.line)
    return same and first.column <= place.column < first.column + problem.length


def _heeded(problems: Iterable[Problem], texts: Mapping[str, str]) -> list[Problem]:
    """Without the warnings that a comment on their line silences: `# nsps: ignore NSPS221 (why)`."""
    lines = {file: text.split("\n") for file, text in texts.items() if "nsps: ignore" in text}
    return [problem for problem in problems if not _silenced(problem, lines.get(problem.place.file, []))]


def _silenced(problem: Problem, lines: list[str]) -> bool:
    if problem.severity == "error" or problem.place.line > len(lines):
        return False
    found = _IGNORE.search(lines[problem.place.line - 1])
    return found is not None and problem.code in re.findall(r"NSPS\d+", found[1])


def _sorted(problems: Iterable[Problem], files: list[str]) -> tuple[Problem, ...]:
    order = {file: number for number, file in enumerate(files)}

    def key(problem: Problem) -> tuple[bool, int, int, int]:
        place = problem.place
        return problem.severity != "error", order.get(place.file, len(files)), place.line, place.column

    return tuple(dict.fromkeys(sorted(problems, key=key)))
