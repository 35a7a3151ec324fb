"""What was measured, as text: a line for each figure, with what is asked of it."""

from __future__ import annotations

import os
import platform
import statistics
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Table:
    """Of one system. A line is shown as soon as it is known, on standard error; the table at the end."""

    title: str
    lines: list[tuple[str, str, str]] = field(default_factory=list)

    def add(self, what: str, measured: str, asked: str = "") -> None:
        self.lines.append((what, measured, asked))
        print(f"  {self.title}: {what}: {measured}", file=sys.stderr, flush=True)

    def text(self) -> str:
        rows = [(self.title, "measured", "asked"), *self.lines]
        first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
        return "\n".join(f"{a:{first}}  {b:>{second}}  {c}".rstrip() for a, b, c in rows)


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def p50_p99(values_ms: list[float]) -> str:
    """Both, in ms."""
    cuts = statistics.quantiles(values_ms, n=100)
    return f"{cuts[49]:.1f} / {cuts[98]:.1f} ms"


def machine() -> str:
    """Where this runs, and how its Python was built."""
    return (
        f"{_processor()}, {os.cpu_count()} processors, {platform.system()} {platform.machine()}\n"
        f"Python {platform.python_version()} ({_build()}), {_interpreter()}"
    )


def _build() -> str:
    if "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or ""):
        return "profile-guided optimisation: yes"
    if Path("/etc/debian_version").exists() and sys.base_prefix == "/usr":
        return "profile-guided optimisation: not configured; Debian's build rules apply it on their own"
    return "profile-guided optimisation: no"


def _interpreter() -> str:
    mapped = Path("/proc/self/maps")
    shared = mapped.exists() and "libpython" in mapped.read_text()
    return "interpreter in a shared library" if shared else "interpreter in the program itself"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor()
    )
