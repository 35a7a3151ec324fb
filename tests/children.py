"""Processes a supervisor may be given: each writes down that it started, and how it takes the end."""

from __future__ import annotations

import os
import signal
import sys
import time
from multiprocessing import parent_process
from pathlib import Path


def _note(folder: str, word: str) -> None:
    (Path(folder) / f"{word}-{os.getpid()}").touch()


def obedient(folder: str) -> None:
    """Runs until SIGTERM, then ends with 0."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    _note(folder, "started")
    while parent_process().is_alive():  # type: ignore[union-attr]
        time.sleep(0.05)


def stubborn(folder: str) -> None:
    """Does not listen."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _note(folder, "started")
    while True:
        time.sleep(0.05)


def short_lived(folder: str) -> None:
    """Breaks at once."""
    _note(folder, "started")
    sys.exit(3)
