"""What would command a terminal is shown instead."""

from __future__ import annotations

import json

import pytest

from engine.control_characters import neutral, neutral_but_coloured
from engine.terminal import say, state


@pytest.mark.parametrize(
    "text, shown",
    [
        ("\x1b[2J\x1b]0;owned\x07", "\\u001b[2J\\u001b]0;owned\\u0007"),
        ("a\rb\x08\x7f", "a\\u000db\\u0008\\u007f"),
        ("\x9b31m", "\\u009b31m"),
        ("delivered \u202edeliaf\u2066", "delivered \\u202edeliaf\\u2066"),
        ("line\u2028break \ud800", "line\\u2028break \\ud800"),
        ("a\tb\nc é 日本 🙂", "a\tb\nc é 日本 🙂"),
    ],
)
def test_commands_are_shown_and_text_stays(text: str, shown: str) -> None:
    assert neutral(text) == shown
    assert neutral_but_coloured(text) == shown


def test_our_own_colours_stay_and_those_that_hide_do_not() -> None:
    assert neutral_but_coloured(state("failed")) == state("failed")
    assert neutral_but_coloured("\x1b[8mhidden\x1b[31;1mx") == "\\u001b[8mhidden\x1b[31;1mx"


def test_json_says_the_same_afterwards() -> None:
    value = {"reason": "a\u202eb\x9bc\x7f\x1b"}
    assert json.loads(neutral(json.dumps(value, ensure_ascii=False))) == value


def test_all_that_is_printed_goes_through_it(capsys: pytest.CaptureFixture[str]) -> None:
    say("reason: \x1b[2J\u202e")
    assert capsys.readouterr().out == "reason: \\u001b[2J\\u202e\n"
