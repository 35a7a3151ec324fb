"""python -m benchmarks.chaos [--only T01,T05] [--on embedded,split,amqp] [--seed N] [--quick] [--write]"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys

from benchmarks.chaos.play import Played, play
from benchmarks.chaos.report import line_of, summary, write_table
from benchmarks.chaos.scenario import EVERYWHERE
from benchmarks.chaos.scenarios import SCENARIOS


def main() -> int:
    asked = _arguments()
    seed = asked.seed if asked.seed is not None else random.SystemRandom().randrange(1_000_000)
    print(f"seed {seed}: to play the same again, --seed {seed}", flush=True)
    played = asyncio.run(_play_all(asked, seed))
    failed = [one for one in played if one.found is not None and one.found.problems]
    print(summary(played))
    if asked.write:
        write_table(played, _command(asked, seed))
    return 1 if failed else 0


def _command(asked: argparse.Namespace, seed: int) -> str:
    """What plays the same again."""
    words = ["python -m benchmarks.chaos"]
    words += [f"--only {asked.only}"] if asked.only else []
    words += [f"--on {asked.on}"] if asked.on != ",".join(EVERYWHERE) else []
    words += ["--quick"] if asked.quick else []
    return " ".join([*words, f"--seed {seed}"])


async def _play_all(asked: argparse.Namespace, seed: int) -> list[Played]:
    only = set(asked.only.split(",")) if asked.only else None
    played = []
    for where in EVERYWHERE:
        for scenario in SCENARIOS:
            wanted = where in asked.on.split(",") and (not asked.quick or scenario.quick)
            if where not in scenario.on or not wanted or (only and scenario.id not in only):
                continue
            played.append(await play(scenario, where, seed, asked.quick))
            for line in line_of(played[-1]):
                print(line, flush=True)
    return played


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.chaos", description=sys.modules["benchmarks.chaos"].__doc__
    )
    parser.add_argument("--only", help="these scenarios, such as T01,T05")
    parser.add_argument("--on", default=",".join(EVERYWHERE), help=f"these systems: {', '.join(EVERYWHERE)}")
    parser.add_argument("--seed", type=int, help="of everything that is left to chance; none: a new one, printed")
    parser.add_argument("--quick", action="store_true", help="the part that `make test` runs, with small counts")
    parser.add_argument("--write", action="store_true", help="write the table into docs/reliability.md")
    asked = parser.parse_args()
    for word, known in ((asked.only, {one.id for one in SCENARIOS}), (asked.on, set(EVERYWHERE))):
        if strange := set(word.split(",") if word else ()) - known:
            parser.error(f"unknown: {', '.join(sorted(strange))}; there are {', '.join(sorted(known))}")
    return asked


sys.exit(main())
