"""One part of a system as a child process of a test, on whatever store the test shares.

Run as a script: python tests/part_child.py PROJECT receiver PORT, or PROJECT worker. `nsps serve` and `nsps worker` do the same
after they have made sure that store and queue are made for several processes.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    import asyncio

    import uvloop

    from engine.run import opened, run, work

    project, part, *port = sys.argv[1:]
    catalog, masker = opened(Path(project), os.environ, shared_by=None)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if part == "worker":
            return runner.run(work(catalog, masker))
        return runner.run(run(catalog, masker, "127.0.0.1", int(port[0]), part="receiver"))


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
