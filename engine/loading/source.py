"""Strict YAML with positions: text to Nodes, or to problems."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from engine.loading.building import Builder, Stop
from engine.loading.decoding import MAX_BYTES, decode, too_large
from engine.loading.node import Kind, Node, Style
from engine.loading.syntax import syntax_problem
from engine.place import Place
from engine.problem import Problem

__all__ = ["MAX_BYTES", "Kind", "Node", "Source", "Style", "parse", "read"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file that was read. `root` None when it could not be; `problems` then says why.

    `text` has plain line ends and no byte order mark, as the places count. A file that holds nothing has a root of kind
    `null`. Problems beside a root are either warnings, or errors that leave the rest of the file readable.
    """

    file: str
    text: str
    root: Node | None
    problems: tuple[Problem, ...] = ()


def parse(text: str | bytes, file: str) -> Source:
    """The file as Nodes. Never raises for what the file holds: every fault is a Problem with its place."""
    decoded, problems = decode(text, file)
    if any(problem.severity == "error" for problem in problems):
        return Source(file=file, text=decoded, root=None, problems=tuple(problems))
    builder = Builder(decoded, file)
    root = None
    try:
        root = builder.document()
    except Stop as stop:
        builder.problems.append(stop.problem)
    except yaml.YAMLError as error:
        builder.problems.append(syntax_problem(error, decoded, file))
    return Source(file=file, text=decoded, root=root, problems=(*problems, *builder.problems))


def read(path: Path, file: str) -> Source:
    """The file at `path` as Nodes, called `file` in messages. At most MAX_BYTES of it enter memory."""
    try:
        with path.open("rb") as opened:
            content = opened.read(MAX_BYTES + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        problem = Problem(
            code="NSPS120", severity="error", message=f"cannot read it: {reason}", place=Place(file, 1, 1)
        )
        return Source(file=file, text="", root=None, problems=(problem,))
    if len(content) > MAX_BYTES:
        problem = too_large(file, path.stat().st_size)
        return Source(file=file, text="", root=None, problems=(problem,))
    return parse(content, file)
