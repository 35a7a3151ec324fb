"""Which files a project has, and what is read of the library."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources.abc import Traversable
from pathlib import Path

from engine.loading.source import Source, parse, read

SETTINGS = "nsps.yaml"
TEST = ".test.yaml"


def files_of(folder: Path, kind: str) -> Iterator[tuple[str, Path]]:
    """The `*.yaml` of `connectors` or `pipelines`, tests left out: name from the project's folder, and path."""
    for path in _entries(folder / kind, ".yaml"):
        if not path.name.endswith(TEST):
            yield f"{kind}/{path.name}", path


def tests_of(folder: Path) -> Iterator[tuple[str, Path]]:
    """The `*.test.yaml` beside connectors and pipelines."""
    for kind in ("connectors", "pipelines"):
        for path in _entries(folder / kind, TEST):
            yield f"{kind}/{path.name}", path


def misnamed(folder: Path) -> Iterator[str]:
    """Files that look as if they were meant, but are not read: `*.yml`."""
    for kind in ("connectors", "pipelines"):
        for path in _entries(folder / kind, ".yml"):
            yield f"{kind}/{path.name}"


def read_file(path: Path, file: str) -> Source:
    """The file as Nodes, called `file` in messages."""
    return read(path, file)


def read_shipped(entry: Traversable, file: str) -> Source:
    """A file of the library as Nodes."""
    return parse(entry.read_bytes(), file)


def _entries(folder: Path, ending: str) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.name.endswith(ending) and not path.name.startswith("."))
