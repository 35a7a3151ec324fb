"""Whatever stands in the place of any value: a problem, never a traceback, and validate and start agree."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.loading.projects import SET, SOUND, checked, lines, sound_in, started

STRANGE: list[Any] = [None, 5, "a.b || `", [], {}, [1], {"a": 1}, True, "${X}", "{{ x"]
FILES = sorted(str(path.relative_to(SOUND)) for path in SOUND.rglob("*.yaml"))


def ways(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield way
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in members:
        yield from ways(child, (*way, key))


def put(value: Any, way: tuple[Any, ...], new: Any) -> Any:
    if not way:
        return new
    if isinstance(value, dict):
        return {key: put(child, way[1:], new) if key == way[0] else child for key, child in value.items()}
    return [put(child, way[1:], new) if key == way[0] else child for key, child in enumerate(value)]


@pytest.mark.parametrize("file", FILES)
def test_any_value_may_be_anything(file: str, tmp_path: Path) -> None:
    folder = sound_in(tmp_path / "project")
    document = yaml.safe_load((SOUND / file).read_text())
    for number, way in enumerate(ways(document)):
        strange = STRANGE[number % len(STRANGE)]
        (folder / file).write_text(yaml.safe_dump(put(document, way, strange), sort_keys=False))
        validated, run = checked(folder, {**SET, "X": "https://x"}), started(folder, {**SET, "X": "https://x"})
        assert lines(validated) == lines(run), (way, strange)
        assert (validated.catalog is None) == any(problem.severity == "error" for problem in validated.problems)
