"""The pages of the documentation, as tests read them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.authoring.init import init

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"\A# file: (\S+)\n")


@dataclass(frozen=True, slots=True)
class Fence:
    """A block of a page. `file` is what it says to be saved as."""

    page: str
    language: str
    text: str

    @property
    def file(self) -> str | None:
        found = _FILE.match(self.text)
        return found[1] if found else None


def fences(page: Path, *languages: str) -> list[Fence]:
    found = [Fence(page.name, *match) for match in _FENCE.findall(page.read_text(encoding="utf-8"))]
    return [fence for fence in found if not languages or fence.language in languages]


def project(page: Path, folder: Path) -> Path:
    """The files that a page shows, in a project of their own; nsps.yaml as `nsps init` writes it unless the page shows one."""
    init(folder, [])
    for fence in fences(page, "yaml", "python"):
        if fence.file is not None:
            path = folder / fence.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(fence.text, encoding="utf-8")
    return folder


def typed(page: Path) -> Iterator[str]:
    """Every command line of a page that begins with `nsps`: after a `$`, or in backticks."""
    text = page.read_text(encoding="utf-8")
    for fence in fences(page, "console"):
        yield from (line[2:] for line in fence.text.splitlines() if line.startswith("$ "))
    outside = _FENCE.sub("", text)
    yield from (code for code in re.findall(r"(?<!`)`([^`\n]+)`(?!`)", outside))


def nsps_lines(page: Path) -> list[str]:
    """Those of them that call `nsps`, from there on."""
    found = (re.search(r"(?<![\w./-])nsps [a-z-].*", line) for line in typed(page))
    return [match[0].split(" && ")[0].split(" | ")[0] for match in found if match]
