"""The files of a project to a Project: read, checked against their schemas, filled from the environment, built."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TypeVar

from engine.case import TestFile
from engine.connector import Connector
from engine.library import library_connectors, shipped
from engine.loading.build_connector import build_connector
from engine.loading.build_pipeline import build_pipeline
from engine.loading.build_settings import build_settings
from engine.loading.build_test import build_test
from engine.loading.draft import Draft, text
from engine.loading.environment import Environ, fill
from engine.loading.files import SETTINGS, files_of, misnamed, read_file, read_shipped, tests_of
from engine.loading.findings import Findings, Spot, key_spot
from engine.loading.lint_names import check_file_name, check_same_name
from engine.loading.lint_secrets import check_secrets
from engine.loading.lint_values import check_values
from engine.loading.node import Node
from engine.loading.project import Part, Project
from engine.loading.schema_check import check_schema
from engine.loading.source import Source
from engine.pipeline import Pipeline
from engine.place import Place
from engine.problem import Problem
from engine.settings import Settings

V = TypeVar("V", Settings, Connector, Pipeline, TestFile)
Build = Callable[[Draft, Node], V]

_NAME = re.compile(r"[a-z][a-z0-9_-]*")  # as the schemas have it


@dataclass(slots=True)
class Assembly:
    """A project being put together. `texts` are the files read, by the names they have in messages."""

    folder: Path
    environ: Environ
    placeholders: bool
    project: Project = field(default_factory=lambda: Project(findings=Findings()))
    texts: dict[str, str] = field(default_factory=dict)

    def all(self) -> Project:
        """Everything that can be built of what is there."""
        self._settings()
        for file, path in files_of(self.folder, "connectors"):
            self._connector(read_file(path, file))
        for file, path in files_of(self.folder, "pipelines"):
            self._pipeline(read_file(path, file))
        for file, path in tests_of(self.folder):
            self._tests(read_file(path, file))
        self._library()
        self._misnamed()
        return self.project

    def off(self, needs: tuple[str, ...]) -> str | None:
        """Why something with these needs is off; with placeholders nothing is, for want of a variable."""
        return None if self.placeholders else self.environ.missing(needs)

    def _settings(self) -> None:
        path = self.folder / SETTINGS
        if not path.is_file():
            self.project.findings.error(
                "NSPS200",
                f"there is no {SETTINGS} in {self.folder.resolve()}",
                Spot(Place(SETTINGS, 1, 1)),
                notes=("run it in the project's folder or name that with --project, or begin one: nsps init",),
            )
            return
        source = read_file(path, SETTINGS)
        self.project.settings = self._part(source, "nsps", lambda draft, root: build_settings(draft, root, self.off))

    def _connector(self, source: Source, library: bool = False) -> None:
        name = _declared(source, "connector")
        part = self._part(source, "connector", lambda draft, root: build_connector(draft, root, name), library)
        taken = self.project.connectors.get(name)
        if part is None:
            self.project.unread |= {name, PurePosixPath(source.file).stem}
        elif taken is not None:
            check_same_name(self.project, "connector", name, part.root.get("connector") or part.root, taken.file)
        else:
            self.project.connectors[name] = part
            check_file_name(self.project, "connector", name, part.root.get("connector") or part.root, source.file)

    def _pipeline(self, source: Source) -> None:
        name = _declared(source, "pipeline")
        part = self._part(source, "pipeline", lambda draft, root: build_pipeline(draft, root, name))
        if part is None:
            self.project.unread |= {name, PurePosixPath(source.file).stem}
            return
        off = self.off(part.value.needs) if part.value.enabled else "enabled: false"
        part = replace(part, value=replace(part.value, off=off))
        named = part.root.get("pipeline") or part.root
        taken = self.project.pipelines.get(name)
        if taken is not None:
            check_same_name(self.project, "pipeline", name, named, taken.file)
        else:
            self.project.pipelines[name] = part
            check_file_name(self.project, "pipeline", name, named, source.file)

    def _tests(self, source: Source) -> None:
        part = self._part(source, "test", lambda _draft, root: build_test(root, source.file))
        if part is not None:
            self.project.tests.append(part)

    def _library(self) -> None:
        """Reads what is called and not in the project. A project's own connector replaces the library's."""
        offered = library_connectors()
        self.project.offered = tuple(offered)
        called = {site.connector for part in self.project.callers() for site in part.calls}
        called |= {part.value.connector for part in self.project.tests if part.value.connector}
        called |= {
            name.partition(".")[0] for part in self.project.tests for case in part.value.cases for name in case.replies
        }
        for name in sorted(called & offered.keys() - self.project.connectors.keys() - self.project.unread):
            self._connector(read_shipped(offered[name], str(shipped("connectors") / f"{name}.yaml")), library=True)

    def _misnamed(self) -> None:
        for file in misnamed(self.folder):
            self.project.findings.warning(
                "NSPS226",
                f"{file} is not read: its name ends in .yml",
                Spot(Place(file, 1, 1)),
                notes=(f"call it {file.removesuffix('.yml')}.yaml",),
            )

    def _in_the_wrong_folder(self, source: Source, kind: str) -> bool:
        """Says so of a connector among the pipelines, or the other way round, in place of all that is wrong with it there."""
        other = {"pipeline": "connector", "connector": "pipeline"}.get(kind)
        root = source.root
        if other is None or root is None or root.kind != "map" or kind in root.value or other not in root.value:
            return False
        self.project.findings.error(
            "NSPS104",
            f"this is a {other}, in the folder of {kind}s",
            key_spot(root, other),
            notes=(f"move it: {other}s/{PurePosixPath(source.file).name}",),
        )
        return True

    def _part(self, source: Source, kind: str, build: Build[V], library: bool = False) -> Part[V] | None:
        findings = self.project.findings
        self.texts[source.file] = source.text
        if self._in_the_wrong_folder(source, kind):
            return None
        shape: list[Problem] = check_schema(source, kind)
        findings.problems += [*source.problems, *shape]
        if source.root is None or source.root.kind != "map":
            return None
        if kind in ("nsps", "connector"):
            check_secrets(source.root, kind, findings)
        filled = fill(source.root, kind, self.environ, findings)
        if kind in ("nsps", "connector"):
            check_values(filled, kind, source, findings)
        draft = Draft(file=source.file, findings=findings, filled=filled)
        return Part(
            file=source.file,
            value=build(draft, filled.root),
            raw=source.root,
            root=filled.root,
            draft=draft,
            shaken=frozenset(problem.place for problem in shape if problem.severity == "error"),
            library=library,
        )


def _declared(source: Source, kind: str) -> str:
    """The name a file declares; that of the file where it declares none, or none that can be one."""
    named = text(source.root.get(kind)) if source.root is not None else ""
    return named if _NAME.fullmatch(named) else PurePosixPath(source.file).stem
