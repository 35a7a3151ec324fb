"""A child process and what the kernel accounts to it."""

from __future__ import annotations

import os
import subprocess
import time
import urllib.request
from pathlib import Path

import psutil

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Child:
    """A started process; `cpu_s` and `rss_mib` are read from /proc."""

    def __init__(self, *command: str, cwd: Path, log: Path, env: dict[str, str] | None = None) -> None:
        self.log = log.open("ab")
        full = {**os.environ, **(env or {})}
        self.process = subprocess.Popen(command, cwd=cwd, env=full, stdout=self.log, stderr=self.log)

    @property
    def cpu_s(self) -> float:
        return cpu_s_of(self.process.pid)

    @property
    def rss_mib(self) -> float:
        return rss_mib_of(self.process.pid)

    def stop(self) -> int:
        self.process.terminate()
        code = self.process.wait(60)
        self.log.close()
        return code


def cpu_s_of(pid: int) -> float:
    """What the kernel accounts to a process and its threads."""
    return sum(_ticks(pid)[:2]) / TICKS_PER_S


def tree_cpu_s_of(pid: int) -> float:
    """What it accounts to a process, its children, theirs, and all of them that have ended."""
    pids = [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    return sum(sum(_ticks(one)) for one in pids) / TICKS_PER_S


def _ticks(pid: int) -> list[int]:
    """User and system time of a process, then of its children that have ended; nothing of one that has gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [int(field) for field in fields[11:15]]


def rss_mib_of(pid: int) -> float:
    """What the process keeps in memory now."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024


def wait_ready(port: int, path: str = "/ready", within_s: float = 60) -> None:
    """Returns when the process answers; raises TimeoutError with the address."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError(f"nothing answers at port {port}")
