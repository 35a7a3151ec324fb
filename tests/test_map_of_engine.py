"""The docstrings that draw the house are true."""

from __future__ import annotations

import re
from pathlib import Path

import engine
from engine import errors

ENGINE = Path(engine.__file__).parent


def test_every_step_named_in_the_story_is_a_file_and_says_what_it_does() -> None:
    steps = re.findall(r"^ +\d  (\w+) ", engine.__doc__ or "", re.MULTILINE)
    assert steps == ["receive", "route", "enqueue", "enrich", "map", "render", "dispatch", "record"]
    missing = [step for step in steps if not (ENGINE / f"{step}.py").is_file()]
    assert not missing


def test_the_drawn_error_tree_is_the_tree() -> None:
    drawn = set(re.findall(r"^ *([A-Z]\w+) {2,}", errors.__doc__ or "", re.MULTILINE))
    real = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}
    assert drawn == real
