"""Problems for programs: json, GitHub workflow commands, SARIF 2.1.0, JUnit XML."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from engine.authoring.reported import Reported
from engine.loading.codes import find_code
from engine.problem import Problem


def as_json(report: Reported) -> str:
    """{problems: [{code, severity, message, file, line, column, length, label, notes}], errors, warnings, files}."""
    found = {
        "problems": [_plain(problem) for problem in report.problems],
        "errors": report.count("error"),
        "warnings": report.count("warning"),
        "files": report.files,
    }
    return json.dumps(found, ensure_ascii=False, indent=2)


def as_github(report: Reported) -> str:
    """One workflow command for each problem, which GitHub shows beside the line; then the tally."""
    return "\n".join([*(_command(problem) for problem in report.problems), report.tally()])


def as_sarif(report: Reported) -> str:
    """A log of one run (OASIS SARIF 2.1.0)."""
    codes = sorted({problem.code for problem in report.problems})
    run = {
        "tool": {"driver": {"name": "nsps", "rules": [_rule(code) for code in codes]}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(problem) for problem in report.problems],
    }
    return json.dumps({"version": "2.1.0", "runs": [run]}, ensure_ascii=False, indent=2)


def as_junit(report: Reported) -> str:
    """A test case for each file; an error is a failure, a warning is output."""
    by_file: dict[str, list[Problem]] = {file: [] for file in sorted(report.texts)}
    for problem in report.problems:
        by_file.setdefault(problem.place.file, []).append(problem)
    failed = sum(any(problem.severity == "error" for problem in found) for found in by_file.values())
    suite = f'<testsuite name="nsps validate" tests="{len(by_file)}" failures="{failed}" errors="0">'
    cases = [_case(file, found) for file, found in by_file.items()]
    return "\n".join(
        ['<?xml version="1.0" encoding="UTF-8"?>', "<testsuites>", suite, *cases, "</testsuite>", "</testsuites>"]
    )


def _plain(problem: Problem) -> dict[str, Any]:
    return {
        "code": problem.code,
        "severity": problem.severity,
        "message": problem.message,
        "file": problem.place.file,
        "line": problem.place.line,
        "column": problem.place.column,
        "length": problem.length,
        "label": problem.label,
        "notes": list(problem.notes),
    }


def _whole(problem: Problem) -> str:
    """The message with all that is said about it, one thing a line."""
    first = f"{problem.message}: {problem.label}" if problem.label else problem.message
    return "\n".join((first, *problem.notes))


def _command(problem: Problem) -> str:
    place = problem.place
    fields = {
        "file": place.file,
        "line": place.line,
        "col": place.column,
        "endColumn": place.column + problem.length,
        "title": problem.code,
    }
    listed = ",".join(f"{name}={_property(str(value))}" for name, value in fields.items())
    return f"::{problem.severity} {listed}::{_data(_whole(problem))}"


def _data(text: str) -> str:
    """Text of a workflow command, escaped as its toolkit does."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _rule(code: str) -> dict[str, Any]:
    known = find_code(code)
    if known is None:
        return {"id": code}
    return {
        "id": code,
        "shortDescription": {"text": known.title},
        "fullDescription": {"text": known.explanation},
        "help": {"text": f"Wrong:\n{known.wrong}\n\nRight:\n{known.right}"},
    }


def _result(problem: Problem) -> dict[str, Any]:
    place = problem.place
    region = {"startLine": place.line, "startColumn": place.column, "endColumn": place.column + problem.length}
    return {
        "ruleId": problem.code,
        "level": problem.severity,
        "message": {"text": _whole(problem)},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": quote(place.file)}, "region": region}}],
    }


def _case(file: str, problems: list[Problem]) -> str:
    head = f"<testcase classname={_attribute('nsps.validate')} name={_attribute(file)}"
    parts = [_part(problem) for problem in problems]
    return f"{head}>\n{chr(10).join(parts)}\n</testcase>" if parts else f"{head}/>"


def _part(problem: Problem) -> str:
    text = escape(_allowed(f"{problem.place} {problem.code} {_whole(problem)}"))
    if problem.severity == "warning":
        return f"<system-out>{text}</system-out>"
    return f"<failure type={_attribute(problem.code)} message={_attribute(problem.message)}>{text}</failure>"


def _attribute(text: str) -> str:
    return quoteattr(_allowed(text))


def _allowed(text: str) -> str:
    """The text with what XML 1.0 §2.2 has no place for as `?`."""
    return re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "?", text)
