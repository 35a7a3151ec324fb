"""Which files a configuration comes from, and whether they are still the same."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from engine.catalog import Catalog
from engine.loading.files import SETTINGS, files_of, tests_of

Seen = Mapping[str, tuple[int, int, int] | None]
"""By path: when it changed, its size and its number on the disk, through links; None where there is none."""

_SECRET = re.compile(r"\$\{secret:([A-Za-z_][A-Za-z0-9_]*)\}")


def look(folder: Path, secrets: Iterable[Path]) -> Seen:
    """How the project's files, and these with its secrets, stand now. Editors and Kubernetes put new ones in their place."""
    return {str(path): _stand(path) for path in (folder / SETTINGS, *_parts(folder), *secrets)}


def still_as_loaded(catalog: Catalog) -> bool:
    """Whether no file changed while the process started."""
    own = ((name, text) for name, text in catalog.files.items() if not name.startswith("library/"))
    try:
        return all((catalog.project / name).read_text() == text for name, text in own)
    except (OSError, UnicodeDecodeError):
        return False


def secret_files(texts: Mapping[str, str], environ: Mapping[str, str], catalog: Catalog) -> tuple[Path, ...]:
    """The files that `NAME_FILE` names for secrets these texts read, and the connectors' certificates."""
    names = {name for text in texts.values() for name in _SECRET.findall(text)}
    named = {environ[f"{name}_FILE"] for name in names if environ.get(f"{name}_FILE")}
    tls = {catalog.project / file for connector in catalog.connectors.values() for file in connector.tls.files}
    return tuple(sorted({Path(path) for path in named} | tls))


def _parts(folder: Path) -> Iterator[Path]:
    try:
        for kind in ("connectors", "pipelines"):
            yield from (path for _, path in files_of(folder, kind))
        yield from (path for _, path in tests_of(folder))
    except OSError:
        return  # it is being replaced right now


def _stand(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
