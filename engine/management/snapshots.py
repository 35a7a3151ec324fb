"""Configurations that the store keeps, read again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from engine.catalog import Catalog
from engine.loading.load import load_project


def catalog_of(files: Mapping[str, str], environ: Mapping[str, str]) -> Catalog | None:
    """The configuration that these files of a snapshot are, None where this version or environment cannot read them."""
    with TemporaryDirectory(prefix="nsps-") as name:
        folder = Path(name)
        for file, text in files.items():
            path = folder / file.removeprefix("library/")
            if ".." in path.parts or not path.is_relative_to(folder):
                return None
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return load_project(folder, environ, placeholders=True).catalog
