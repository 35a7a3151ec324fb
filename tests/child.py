"""`nsps run` as a child process of a test, which may die at a moment it names.

Run as a script: python tests/child.py PROJECT PORT [MOMENT COUNT]. It ends itself, as kill -9 would, when it passes MOMENT
for the COUNT-th time.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def dies_at(moment: str, count: int) -> Callable[[str], None]:
    left = count

    def passing(passed: str) -> None:
        nonlocal left
        if passed == moment:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return passing


def main() -> int:
    import asyncio

    import uvloop

    from engine.loading.load import open_project
    from engine.log import set_up_log
    from engine.masking import Masker
    from engine.run import run

    project, port, *death = sys.argv[1:]
    catalog = open_project(Path(project), os.environ)
    masker = Masker(catalog.secrets)
    set_up_log(masker, "json")
    passing = dies_at(death[0], int(death[1])) if death else None
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run(catalog, masker, "127.0.0.1", int(port), passing, os.environ))


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
