"""`nsps explain` and `nsps schema`: what a code means, and the contract itself."""

from __future__ import annotations

import json
import re
from textwrap import wrap

from engine.errors import WrongUse
from engine.loading.code import Code
from engine.loading.codes import codes, find_code
from engine.loading.schemas import schema
from engine.loading.suggest import nearest


def explain(code: str) -> str:
    """What a code means, with a wrong and a right example. Raises WrongUse for a code there is none of."""
    found = find_code(_spelled(code))
    if found is None:
        raise WrongUse(f"there is no code `{code}`{_instead(code)}")
    return _text(found)


def schema_text(kind: str) -> str:
    """The JSON Schema of a kind of file (nsps, connector, pipeline, test). Raises WrongUse for another."""
    return json.dumps(schema(kind), ensure_ascii=False, indent=2)


def _spelled(code: str) -> str:
    """`nsps104` and `104` are NSPS104."""
    digits = re.fullmatch(r"(?:nsps)?[-_ ]?(\d{3})", code.strip(), re.IGNORECASE)
    return f"NSPS{digits[1]}" if digits else code.strip()


def _instead(code: str) -> str:
    """The code that was probably meant: the nearest of its hundred, or the one whose title comes near."""
    known = codes()
    number = re.fullmatch(r"NSPS(\d{3})", _spelled(code))
    if number:
        wanted = int(number[1])
        near = min(known, key=lambda name: abs(int(name[4:]) - wanted))
        near = near if int(near[4:]) // 100 == wanted // 100 else ""
    else:
        titles = {entry.title: entry.code for entry in known.values()}
        near = titles.get(nearest(code, list(titles)) or "", "") or nearest(code, list(known)) or ""
    if near:
        return f"; did you mean {near} ({known[near].title})?"
    return f"; there are {min(known)} to {max(known)}"


def _text(code: Code) -> str:
    return "\n".join(
        (
            f"{code.code}: {code.title}",
            "",
            *wrap(code.explanation, 100),
            "",
            *(("wrong:", *_indented(code.wrong), "") if code.wrong else ()),
            "right:",
            *_indented(code.right),
        )
    )


def _indented(text: str) -> list[str]:
    return [f"    {line}" for line in text.split("\n")]
