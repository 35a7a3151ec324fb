"""What was probably meant, for an expression that is no JMESPath: the habits of other languages."""

from __future__ import annotations

import re

_WORDS = {
    "and": "write && for and",
    "or": "write || for or",
    "not": "write !(…) for not",
    "in": "write contains(list, value)",
    "is": "write == for is",
    "if": "write if(test, then, else)",
    "else": "write if(test, then, else)",
}
_SIGNS = {
    "`": "write text as 'text', a number as `5`, a list as `[]`",
    '"': "double quotes name a key; write text as 'text'",
    "'": "end the text with a quote: 'text'",
    "+": "there is no +; for text write join('', [a, b])",
    "-": "there is no arithmetic; a negative number goes in backticks: `-5`",
    "/": "there is no arithmetic in expressions",
    "%": "there is no arithmetic in expressions; YAML text that starts with % goes in quotes",
    "?": "write if(test, then, else)",
    "=": "write == to compare",
    "~": "for text write join('', [a, b]); for a regular expression matches(text, 'regex')",
    "#": "a comment cannot stand in an expression",
    ";": "one expression, without a semicolon",
    "$": "paths start with a name: data.variables.x",
    "’": "write straight quotes: 'text'",
    "‘": "write straight quotes: 'text'",
    "“": "write straight quotes: 'text'",
    "”": "write straight quotes: 'text'",
}
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def hints_for(text: str, offset: int, kind: str = "", value: str = "") -> tuple[str, ...]:
    """Notes for the message about `text` that went wrong at `offset`; none where nothing is recognised."""
    if "{{" in text:
        return ("this is an expression, not a template: write it without {{ }}",)
    number = _NUMBER.match(text, offset)
    if number and (kind == "number" or number[0].startswith("-")):
        return (f"a number goes in backticks: `{number[0]}`",)
    found = _word_at(text, offset) or _WORDS.get(value) or _SIGNS.get(text[offset : offset + 1])
    return (found,) if found else ()


def _word_at(text: str, offset: int) -> str | None:
    word = re.match(r"[a-z]+", text[offset:])
    if word and word[0] in _WORDS:
        return _WORDS[word[0]]
    before = re.search(r"(^|[\s(])([a-z]+)\s*$", text[:offset])
    return _WORDS.get(before[2]) if before else None
