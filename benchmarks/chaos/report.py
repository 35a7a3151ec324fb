"""The table: lines while it plays, Markdown when it is published."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.chaos.play import NAMES, Played

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- played: chaos -->", "<!-- end of what was played -->"
HEAD = "| | what is done | sent | accepted | kills | lost | duplicates, of at most | recovery | slowest | |"


def line_of(played: Played) -> Iterator[str]:
    """One line, and what to look at where it failed."""
    scenario, found = played.scenario, played.found
    begin = f"{scenario.id:5} {played.where:9}"
    if found is None:
        yield f"{begin} not run: {played.not_run}"
        return
    word = "FAILED" if found.problems else "ok"
    yield (
        f"{begin} {word:6} {found.sent:6} sent {found.accepted:6} accepted {found.kills:3} kills {found.lost} lost "
        f"{found.duplicates:3} of {found.allowed} duplicates, recovery {recovery(found.recovery_s)}, "
        f"slowest {found.slowest_s:.1f} s, {played.took_s:.0f} s  {scenario.does}"
        + (f" ({'; '.join(found.notes)})" if found.notes else "")
    )
    for problem in found.problems:
        yield f"      {problem}"
    if played.kept:
        yield f"      kept: {played.kept}"


def recovery(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return "never" if seconds == float("inf") else f"{seconds:.1f} s"


def write_table(played: Sequence[Played], seed: int) -> None:
    """Puts the table between the markers of docs/reliability.md."""
    page = PAGE.read_text()
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text("\n".join([before + BEGIN, "", *_table(played, seed), "", END]) + after)


def _table(played: Sequence[Played], seed: int) -> Iterator[str]:
    yield (
        f"`python -m benchmarks.chaos --seed {seed}` on {platform.system()} {platform.machine()}, {os.cpu_count()} processors, "
        f"Python {platform.python_version()}."
    )
    for where, name in NAMES.items():
        lines = [one for one in played if one.where == where]
        if lines:
            yield from ("", f"**{name}**", "", HEAD, "| --- " * HEAD.count("| ") + "|")
            yield from (_row(one) for one in lines)


def _row(played: Played) -> str:
    scenario, found = played.scenario, played.found
    if found is None:
        return f"| {scenario.id} | {scenario.does} | | | | | | | | not run: {played.not_run} |"
    cells = [
        scenario.id, scenario.does, found.sent, found.accepted, found.kills, found.lost,
        f"{found.duplicates}, {found.allowed}", recovery(found.recovery_s), f"{found.slowest_s:.1f} s",
        "**failed**" if found.problems else "; ".join(found.notes),
    ]  # fmt: skip
    return "| " + " | ".join(str(cell) for cell in cells) + " |"
