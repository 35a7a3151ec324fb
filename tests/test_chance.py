from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from engine.chance import twelve_bytes

FORKS = """
import os
from engine.chance import twelve_bytes

twelve_bytes()  # from now on some are drawn that a child would have a copy of
child = os.fork()
if child:
    os.waitpid(child, 0)
print(*(twelve_bytes().hex() for _ in range(100)), flush=True)
"""


def test_no_two_are_the_same_from_any_thread() -> None:
    with ThreadPoolExecutor(4) as threads:
        seen = list(threads.map(lambda _: twelve_bytes(), range(2000)))
    assert len(set(seen)) == 2000
    assert {len(one) for one in seen} == {12}


def test_a_forked_process_draws_its_own() -> None:
    told = subprocess.run([sys.executable, "-c", FORKS], capture_output=True, text=True, check=True, timeout=30).stdout
    assert len(set(told.split())) == 200
