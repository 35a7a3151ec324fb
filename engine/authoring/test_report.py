"""What `nsps test` prints: a line a test, and for each that fails what differs, where, and how to run it alone."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from engine.authoring.testing import Result
from engine.terminal import faint, lasting, state


def result_lines(results: Sequence[Result]) -> Iterator[str]:
    """The report for people."""
    by_file: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        by_file[result.file].append(result)
    for file, mine in by_file.items():
        yield file
        for result in mine:
            yield f"  {state('ok', 'ok  ') if result.passed else state('fail', 'FAIL')}  {result.case.name}"
            yield from _differences(result)
    failed = sum(not result.passed for result in results)
    took = lasting(sum(result.took_s for result in results))
    tally = f"{len(results) - failed} passed, {failed} failed"
    yield f"{state('fail' if failed else 'ok', tally)} in {took}"


def _differences(result: Result) -> Iterator[str]:
    for difference in result.differences:
        yield f"        {difference.message}"
        yield faint(f"          --> {difference.place}")
        for line in difference.lines:
            colour = {"-": "failed", "+": "ok"}.get(line[:1], "")
            yield f"          {state(colour, line) if colour else line}"
    if result.differences:
        yield faint(f"        run it alone: nsps test -k {shlex.quote(result.case.name)}")


def as_json(results: Sequence[Result]) -> dict[str, Any]:
    """The same for programs."""
    return {
        "passed": sum(result.passed for result in results),
        "failed": sum(not result.passed for result in results),
        "tests": [
            {
                "file": result.file,
                "name": result.case.name,
                "passed": result.passed,
                "took_s": round(result.took_s, 6),
                "differences": [
                    {"message": d.message, "place": str(d.place), "lines": list(d.lines)} for d in result.differences
                ],
            }
            for result in results
        ],
    }


def junit(results: Sequence[Result]) -> str:
    """A JUnit report, one suite a file."""
    root = Element("testsuites", tests=str(len(results)), failures=str(sum(not r.passed for r in results)))
    suites: dict[str, Element] = {}
    for result in results:
        if result.file not in suites:
            mine = [other for other in results if other.file == result.file]
            failures = str(sum(not other.passed for other in mine))
            suites[result.file] = SubElement(
                root, "testsuite", name=result.file, tests=str(len(mine)), failures=failures
            )
        case = SubElement(
            suites[result.file], "testcase", name=result.case.name, classname=result.file, time=f"{result.took_s:.6f}"
        )
        if not result.passed:
            failure = SubElement(case, "failure", message=result.differences[0].message)
            failure.text = "\n".join(line for d in result.differences for line in (f"{d.place}: {d.message}", *d.lines))
    indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, encoding="unicode") + "\n"
