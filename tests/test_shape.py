"""The house keeps its shape: small files, no dumping grounds, no import cycles."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILES = [*sorted((ROOT / "engine").rglob("*.py")), ROOT / "cli.py"]
DUMPING_GROUNDS = {"utils", "util", "helpers", "helper", "common", "base", "misc", "manager", "constants"}


def module_name(file: Path) -> str:
    return str(file.relative_to(ROOT).with_suffix("")).replace("/", ".").removesuffix(".__init__")


def imports_of(file: Path, names: set[str]) -> set[str]:
    """Modules of ours that `file` imports when it is loaded (not inside functions, not for type checkers only)."""
    found: set[str] = set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return (found & names) - {module_name(file)}


def test_no_file_is_longer_than_300_lines() -> None:
    too_long = {module_name(file): n for file in FILES if (n := len(file.read_text().splitlines())) > 300}
    assert not too_long, "what concept is hiding in it?"


def test_no_function_is_longer_than_50_lines() -> None:
    too_long = [
        f"{module_name(file)}:{node.lineno} {node.name}"
        for file in FILES
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (node.end_lineno or 0) - node.lineno >= 50
    ]
    assert not too_long


def test_no_file_is_named_for_nothing_in_particular() -> None:
    assert not [module_name(file) for file in FILES if file.stem in DUMPING_GROUNDS]


def test_modules_import_each_other_in_one_direction() -> None:
    names = {module_name(file) for file in FILES}
    edges = {module_name(file): imports_of(file, names) for file in FILES}
    done: set[str] = set()

    def walk(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, f"import circle: {' -> '.join([*above[above.index(name) :], name])}"
        if name not in done:
            for other in edges[name]:
                walk(other, (*above, name))
            done.add(name)

    for name in names:
        walk(name, ())
