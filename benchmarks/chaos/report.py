"""The table: lines while it plays, Markdown when it is published."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from benchmarks.chaos.play import NAMES, Played

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- played: chaos -->", "<!-- end of what was played -->"
HEAD = "| | What is done | | Sent | Accepted | Kills | Lost | Duplicates | Recovery | Slowest | Besides |"


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


def write_table(played: Sequence[Played], command: str) -> None:
    """Puts the table between the markers of docs/reliability.md."""
    page = PAGE.read_text()
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text("\n".join([before + BEGIN, "", *table(played, command), "", END]) + after)


def table(played: Sequence[Played], command: str) -> Iterator[str]:
    """What was played when, where and how it ended, then a table for each system."""
    took_min = sum(one.took_s for one in played) / 60
    yield f"`{command}`, played on {time.strftime('%Y-%m-%d')} within {took_min:.0f} minutes on {machine()}."
    yield ""
    yield summary(played)
    for where, name in NAMES.items():
        lines = [one for one in played if one.where == where]
        if lines:
            yield from ("", f"**{name}**", "", HEAD, "| --- " * (HEAD.count("|") - 1) + "|")
            yield from (_row(one) for one in lines)


def summary(played: Sequence[Played]) -> str:
    """How many held, and by name those that did not."""
    failed = [f"{one.scenario.id} {one.where}" for one in played if one.found is not None and one.found.problems]
    not_run = [f"{one.scenario.id} {one.where}" for one in played if one.found is None]
    held = len(played) - len(failed) - len(not_run)
    words = [f"{held} held", f"{len(failed)} failed", f"{len(not_run)} not run"]
    names = [f"**{word}: {', '.join(ones)}**" for word, ones in (("Failed", failed), ("Not run", not_run)) if ones]
    return ". ".join([f"{len(played)} scenarios: {', '.join(words)}", *names]) + "."


def machine() -> str:
    """What it was played on; the figures depend on it."""
    model = ""
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return (
        f"{os.cpu_count()} processors ({model or platform.machine()}), {memory_gib:.0f} GiB, {platform.system()}, "
        f"Python {platform.python_version()}"
    )


def _row(played: Played) -> str:
    scenario, found = played.scenario, played.found
    if found is None:
        return f"| {scenario.id} | {scenario.does} | **not run** | | | | | | | | {played.not_run} |"
    verdict = "**failed**" if found.problems else "ok"
    duplicates = f"{found.duplicates} of {found.allowed}" if found.allowed else str(found.duplicates)
    besides = "; ".join([*found.problems, *found.notes]).replace("|", "/").replace("\n", " ")
    cells = [
        scenario.id, scenario.does, verdict, found.sent, found.accepted, found.kills, found.lost, duplicates,
        recovery(found.recovery_s), f"{found.slowest_s:.1f} s", besides,
    ]  # fmt: skip
    return "| " + " | ".join(str(cell) for cell in cells) + " |"
