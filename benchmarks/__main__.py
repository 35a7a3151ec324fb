"""`make bench`: every measurement of docs/performance.md, in one run. `--quick` takes smaller counts."""

from __future__ import annotations

import os
import platform
import sys

from benchmarks import receiver, validate, whole_path


def main() -> None:
    quick = "--quick" in sys.argv
    print(f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}, {platform.system()}")
    receiver_us = receiver.main(rounds=2 if quick else 4)
    whole_path.cpu_per_event(2_000 if quick else 10_000, receiver_us)
    whole_path.latency(50 if quick else 200)
    whole_path.memory(10_000 if quick else 100_000)
    validate.main()


main()
