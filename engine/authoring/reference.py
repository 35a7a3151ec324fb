"""The parts of docs/ that are written from the code: `make docs` puts them between their markers.

A generated part begins with `<!-- generated: NAME -->` and ends with `<!-- end -->`. A test fails when what is committed
is not what would be written.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from pathlib import Path

from engine.authoring.reference_fields import cell, code, fields, table
from engine.errors import WrongUse
from engine.expressions.filters import NAMED_FILTERS, TESTS
from engine.expressions.functions import FUNCTIONS, Function
from engine.loading.codes import codes
from engine.loading.espf_events import GROUPED, RAW
from engine.loading.roots import ROOTS, TITLES
from engine.loading.suggest import nearest
from engine.retry import NSPS, STANDARD, nominal_delays_s
from engine.settings import RetryPolicy

_PART = re.compile(r"(<!-- generated: ([^>]+?) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def written(text: str) -> str:
    """A page with its generated parts as the code would write them. Raises WrongUse for a part nobody writes."""
    return _PART.sub(lambda part: f"{part[1]}\n{generated(part[2])}\n\n{part[4]}", text)


def generated(name: str) -> str:
    """The Markdown of one part: `functions`, `fields pipeline`, `fields connector verdict_rule` and so on."""
    first, _, rest = name.partition(" ")
    if first == "fields":
        return fields(*rest.split(" ", 1))
    if name not in PARTS:
        near = nearest(name, PARTS)
        raise WrongUse(f"no part {name!r} is generated; " + (f"did you mean {near}?" if near else ", ".join(PARTS)))
    return "\n".join(PARTS[name]())


def functions() -> Iterator[str]:
    """Ours first, then JMESPath's own."""
    for title, ours in (("Ours", True), ("JMESPath's own", False)):
        rows = [_function(name, one) for name, one in sorted(FUNCTIONS.items()) if one.ours is ours]
        yield from (f"**{title}**", "", *table(("Function", "Gives", "What it gives", "Example"), rows), "")


def _function(name: str, function: Function) -> tuple[str, ...]:
    takes = ", ".join(kind.name for kind in function.takes) + (", …" if function.repeats else "")
    says = function.says + (" (sees null)" if function.sees_null else "")
    says += " (also a filter)" if function.filter_ else ""
    return f"`{name}`({takes})", function.gives, cell(says), code(function.example)


def filters() -> Iterator[str]:
    """What stands behind `|` and behind `is` in a template."""
    of_functions = [name for name in NAMED_FILTERS if name in FUNCTIONS and FUNCTIONS[name].filter_]
    others = [name for name in NAMED_FILTERS if name not in of_functions]
    yield f"Filters that are functions too: {_names(of_functions)}."
    yield ""
    yield f"Other filters: {_names(others)}."
    yield ""
    yield f"Tests, behind `is`: {_names(sorted(name for name in TESTS if name.isidentifier()))}."


def roots() -> Iterator[str]:
    """Places that see the same names share a row."""
    rows = []
    for names, scopes in groupby(ROOTS, key=ROOTS.__getitem__):
        rows.append((", ".join(TITLES[scope] for scope in scopes), _names(names)))
    yield from table(("In", "An expression or template sees"), rows)


def all_codes() -> Iterator[str]:
    """Every code, its title and what to write."""
    for each in codes().values():
        yield from (f"### {each.code}: {each.title}", "", _wrapped(each.explanation), "")
        for label, excerpt in (("wrong", each.wrong), ("right", each.right)):
            if excerpt:
                yield from (f"{label}:", "", "```text", excerpt.rstrip("\n"), "```", "")


def events() -> Iterator[str]:
    """The event types the linter knows."""
    yield f"Grouped: {_names(GROUPED)}."
    yield ""
    yield f"Raw: {_names(RAW)}."


def retries() -> Iterator[str]:
    """The policies that have names, delay by delay."""
    yield from table(
        ("Policy", "Attempts", "Delays in order, without jitter", "Gives up after"),
        [_policy(policy) for policy in (STANDARD, NSPS)],
    )


def _policy(policy: RetryPolicy) -> tuple[str, ...]:
    delays = list(nominal_delays_s(policy))
    runs = [(delay, len(list(run))) for delay, run in groupby(delays)]
    shown = ", ".join(_duration(delay) + (f" × {count}" if count > 1 else "") for delay, count in runs)
    return f"`{policy.name}`", str(len(delays) + 1), shown, f"{sum(delays) / 86400:.1f} days"


def _duration(seconds: float) -> str:
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:g} {unit}"
    return f"{seconds:g} s"


def _names(names: Mapping[str, object] | tuple[str, ...] | list[str]) -> str:
    return ", ".join(code(name) for name in names)


def _wrapped(text: str) -> str:
    return text.replace("<", "&lt;").replace("*", "\\*")


PARTS: dict[str, Callable[[], Iterator[str]]] = {
    "functions": functions,
    "filters": filters,
    "roots": roots,
    "codes": all_codes,
    "events": events,
    "retries": retries,
}


def write_docs(folder: Path) -> list[Path]:
    """Writes the generated parts of every page under `folder`; returns the pages that changed."""
    changed = []
    for page in sorted(folder.rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        if (new := written(text)) != text:
            page.write_text(new, encoding="utf-8")
            changed.append(page)
    return changed


if __name__ == "__main__":
    for each in write_docs(Path(sys.argv[1])):
        print(f"wrote {each}")
