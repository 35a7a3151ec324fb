from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

from engine.owner import surely_dead, this_process

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_no_two_owners_are_the_same() -> None:
    assert this_process(NOW, "h").id != this_process(NOW, "h").id


def test_a_process_of_this_machine_that_is_no_more_is_surely_dead() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert surely_dead(replace(this_process(NOW, "h"), pid=child.pid))


def test_an_earlier_owner_with_our_own_pid_is_dead_for_we_have_it_now() -> None:
    assert surely_dead(this_process(NOW, "h"))


def test_a_living_process_and_one_of_another_machine_may_live() -> None:
    ours = this_process(NOW, "h")
    assert not surely_dead(replace(ours, pid=os.getppid()))
    assert not surely_dead(replace(ours, id=f"ffffff-{ours.pid}-1"))
