"""A part of `nsps` in a process that ends itself, as kill -9 would, at a moment it is told; or whose clock is moved.

Run as a script: mortal.py PART PROJECT PORT MOMENT COUNT [CLOCKFILE]. PART is all, receiver or worker. It dies when it passes
MOMENT (`committed`: stored, not yet enqueued; `answered`: the target has answered, nothing stored yet; `never`) for the
COUNT-th time. CLOCKFILE holds how many seconds its clock is off; it is read whenever the clock is.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path


def dies_at(moment: str, count: int) -> Callable[[str], None]:
    left = count

    def passing(passed: str) -> None:
        nonlocal left
        if passed == moment:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return passing


def move_clock(file: Path) -> None:
    """From now on the machine's clock, as this process sees it, is as far off as the file says."""
    import engine.run
    from engine.clock import SystemClock

    def machine() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=float(file.read_text()))

    engine.run.SystemClock = lambda: SystemClock(machine=machine)  # type: ignore[misc,assignment]


def main() -> int:
    import uvloop

    from engine.run import opened, run, work

    part, project, port, moment, count, *clock = sys.argv[1:]
    if clock:
        move_clock(Path(clock[0]))
    catalog, masker = opened(Path(project), os.environ, shared_by=None)
    passing = dies_at(moment, int(count))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if part == "worker":
            return runner.run(work(catalog, masker, passing))
        whole = "all" if part == "all" else "receiver"
        return runner.run(run(catalog, masker, "127.0.0.1", int(port), passing, part=whole))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    sys.exit(main())
