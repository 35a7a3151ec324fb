"""`nsps init`: a project to start from, in an empty folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.resources.abc import Traversable
from pathlib import Path

from engine.errors import WrongUse
from engine.library import shipped
from engine.loading.suggest import nearest


def pipelines_offered() -> dict[str, Traversable]:
    """The pipelines of the library by name."""
    files = sorted(shipped("pipelines").iterdir(), key=lambda entry: entry.name)
    return {f.name.removesuffix(".yaml"): f for f in files if f.name.endswith(".yaml") and ".test." not in f.name}


def init(folder: Path, wanted: Sequence[str]) -> list[str]:
    """Writes nsps.yaml, the folders and the pipelines asked for with their tests; returns the paths written.

    Nothing is overwritten. Raises WrongUse when nsps.yaml is there already or a pipeline is not in the library.
    """
    offered = pipelines_offered()
    for name in wanted:
        if name not in offered:
            near = nearest(name, offered)
            raise WrongUse(
                f"no pipeline {name!r} in the library"
                + (f"; did you mean {near}?" if near else f"; it has {', '.join(offered)}")
            )
    if (folder / "nsps.yaml").exists():
        raise WrongUse(f"{folder / 'nsps.yaml'} is there already; nsps init starts in a folder without one")
    return list(_write(folder, wanted))


def _write(folder: Path, wanted: Sequence[str]) -> Iterator[str]:
    yield _write_settings(folder / "nsps.yaml", wanted)
    for kind in ("pipelines", "connectors"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    for file in sorted(shipped("schemas").iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".schema.json"):
            yield _copy(file, folder / "schemas" / file.name)
    for name in wanted:
        for part in (f"{name}.yaml", f"{name}.test.yaml"):
            source = shipped("pipelines") / part
            if source.is_file() and not (folder / "pipelines" / part).exists():
                yield _copy(source, folder / "pipelines" / part)


def _write_settings(target: Path, wanted: Sequence[str]) -> str:
    """The shipped nsps.yaml, with those entries of `config` that the pipelines asked for read; without any, no `config`."""
    read = "\n".join((shipped("pipelines") / f"{name}.yaml").read_text(encoding="utf-8") for name in wanted)
    settings, begin, entries = shipped("nsps.yaml").read_text(encoding="utf-8").partition("\nconfig:")
    head, *lines = entries.splitlines(keepends=True)
    kept = [line for line in lines if f"config.{line.split(':')[0].strip()}" in read]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(settings + ("".join([begin, head, *kept]) if kept else ""), encoding="utf-8")
    return str(target)


def _copy(source: Traversable, target: Path) -> str:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(source.read_bytes())
    return str(target)


def init_command(folder: Path, wanted: Sequence[str]) -> Iterator[str]:
    """Starts the project; yields what to tell."""
    for path in init(folder, wanted):
        yield f"wrote {path}"
    yield ""
    if not wanted:
        yield f"the library has pipelines to start from: {', '.join(pipelines_offered())}"
    yield "next: nsps validate, nsps test, nsps doctor (which variables to set), nsps run"
