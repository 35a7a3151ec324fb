"""Plays scenarios, each in a folder of its own; the folder of one that failed is kept."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmarks.chaos.scenario import NotHere, Scenario, Where
from benchmarks.chaos.stage import stage
from benchmarks.chaos.system import Embedded, Split, on_rabbitmq
from benchmarks.chaos.verdict import Found

LONGEST_S = 600.0
SYSTEMS: dict[Where, Callable[..., Any]] = {"embedded": Embedded, "split": Split, "amqp": on_rabbitmq}
NAMES: dict[Where, str] = {
    "embedded": "SQLite, one process",
    "split": "PostgreSQL + Valkey, two receivers and two workers",
    "amqp": "PostgreSQL + RabbitMQ, two receivers and two workers",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """One line of the table. `not_run` says why there are no numbers. `kept`: where to look after a failure."""

    scenario: Scenario
    where: Where
    found: Found | None = None
    not_run: str = ""
    took_s: float = 0.0
    kept: Path | None = None


async def play(scenario: Scenario, where: Where, seed: int, quick: bool) -> Played:
    """Plays one on a fresh system. A harness that breaks is a failure of the scenario, with its words."""
    folder = Path(tempfile.mkdtemp(prefix=f"nsps-chaos-{scenario.id}-"))
    begun = time.monotonic()
    try:
        async with stage(folder / "run", SYSTEMS[where], seed, quick, dict(scenario.files)) as world:
            async with asyncio.timeout(LONGEST_S):
                found = await scenario.run(world)
    except (NotHere, pytest.skip.Exception) as lacking:
        shutil.rmtree(folder, ignore_errors=True)
        return Played(scenario=scenario, where=where, not_run=str(lacking))
    except Exception as error:  # noqa: BLE001 - whatever it is: the others are played all the same
        found = Found(problems=[f"it could not be played to its end: {type(error).__name__}: {error}"])
    kept = folder if found.problems else None
    if kept is None:
        shutil.rmtree(folder, ignore_errors=True)
    return Played(scenario=scenario, where=where, found=found, took_s=time.monotonic() - begun, kept=kept)
