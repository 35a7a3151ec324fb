"""Characters that command a terminal instead of being shown by it: in what senders and systems say they are shown as escapes.

Terminals obey them wherever they come from (CWE-150): a reason could clear the screen, paste into the shell, or, by the
marks of bidirectional text, read as another reason (CVE-2021-42574).
"""

from __future__ import annotations

import re

_COMMANDS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 without tab and line feed, DEL, C1
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # direction (UAX #9)
    "\u2028\u2029\ud800-\udfff]"  # line breaks; lone surrogates, which no terminal encoding holds
)
_OUR_COLOURS = re.compile(r"(\x1b\[(?:0|1|2|3[0-7](?:;1)?)m)")


def neutral(text: str) -> str:
    """The text with each of them as `\\uXXXX`, which is also how JSON writes it."""
    return _COMMANDS.sub(_escaped, text)


def neutral_but_coloured(text: str) -> str:
    """The same, but the few colours we use ourselves stay."""
    if "\x1b" not in text:
        return neutral(text)
    return "".join(part if at % 2 else neutral(part) for at, part in enumerate(_OUR_COLOURS.split(text)))


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
