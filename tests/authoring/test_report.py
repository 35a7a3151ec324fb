"""Reports: problems in words for people and in forms for programs, without secrets."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import jsonschema
import pytest

from engine.authoring.report import FORMATS, render_report
from engine.errors import WrongUse
from engine.loading.schema_check import check_schema
from engine.loading.source import parse
from engine.place import Place
from engine.problem import Problem, Severity

TEXT = "connector: hss\ntransport: http\n\nbase_url: https://hss.example.com\nretires: 6\n"


def problem(
    line: int, column: int = 1, *, file: str = "a.yaml", severity: Severity = "error", **more: object
) -> Problem:
    values = {"code": "NSPS104", "message": f"problem of line {line}", **more}
    return Problem(severity=severity, place=Place(file, line, column), **values)  # type: ignore[arg-type]


def test_a_problem_is_shown_with_its_line_a_caret_and_what_to_write() -> None:
    found = Problem(
        code="NSPS104",
        severity="error",
        message="unknown field `retires` in connector `hss`",
        place=Place("connectors/hss.yaml", 5, 1),
        length=7,
        label="a connector has no such field",
        notes=("did you mean `retry`?", "fields allowed here: auth, base_url"),
    )
    assert render_report([found], {"connectors/hss.yaml": TEXT}, files=14) == (
        "error[NSPS104] unknown field `retires` in connector `hss`\n"
        "  --> connectors/hss.yaml:5:1\n"
        "   |\n"
        " 4 | base_url: https://hss.example.com\n"
        " 5 | retires: 6\n"
        "   | ^^^^^^^ a connector has no such field\n"
        "   = did you mean `retry`?\n"
        "   = fields allowed here: auth, base_url\n"
        "   = nsps explain NSPS104\n"
        "\n"
        "1 error in 14 files"
    )


def test_an_empty_line_above_is_not_shown_and_line_numbers_are_aligned() -> None:
    text = "\n" * 1233 + "  key: value\n"
    assert render_report([problem(1234, 8, length=5)], {"a.yaml": text}).split("\n")[1:5] == [
        "    --> a.yaml:1234:8",
        "     |",
        "1234 |   key: value",
        "     |        ^^^^^",
    ]


def test_a_file_without_text_is_shown_without_excerpt() -> None:
    assert render_report([problem(3)], {}, files=1) == (
        "error[NSPS104] problem of line 3\n  --> a.yaml:3:1\n   = nsps explain NSPS104\n\n1 error in 1 file"
    )


@pytest.mark.parametrize(
    ("line", "column", "length", "shown", "caret"),
    [
        ("a: x", 4, 1, "a: x", "   ^"),
        ("漢字: x", 5, 1, "漢字: x", "      ^"),
        ("漢字: x", 1, 2, "漢字: x", "^^^^"),
        ("a:\tx", 4, 1, "a:    x", "      ^"),
        ("e\u0301: x", 5, 1, "e\u0301: x", "   ^"),
        ("\U0001f4de: x", 4, 1, "\U0001f4de: x", "    ^"),
        ("a: x", 99, 5, "a: x", "    ^"),
        ("a: x", 4, 99, "a: x", "   ^"),
        ("a: \u202etxet", 4, 1, "a: \\u202etxet", "   ^^^^^^"),
    ],
)
def test_the_caret_stands_below_its_character(line: str, column: int, length: int, shown: str, caret: str) -> None:
    lines = render_report([problem(1, column, length=length)], {"a.yaml": line}).split("\n")
    assert lines[3] == f" 1 | {shown}"
    assert lines[4] == f"   | {caret}"


def test_a_long_line_is_cut_around_the_caret() -> None:
    text = "a: " + "x" * 5000 + "HERE" + "y" * 5000
    lines = render_report([problem(1, 5004, length=4)], {"a.yaml": text}).split("\n")
    assert len(lines[3]) < 160
    start = lines[4].index("^")
    assert lines[3][start : start + 4] == "HERE"


def test_nothing_printed_moves_the_cursor() -> None:
    found = problem(1, message="`\x1b[2J` is odd", label="\x9b1m", notes=("\x07",))
    report = render_report([found], {"a.yaml": "a: \x1b[31mred\n"})
    assert not {"\x1b", "\x9b", "\x07"} & set(report)


def test_colours_come_only_when_asked_for_and_change_no_letter() -> None:
    plain = render_report([problem(5)], {"a.yaml": TEXT})
    coloured = render_report([problem(5)], {"a.yaml": TEXT}, colour=True)
    assert "\x1b[" not in plain
    assert coloured != plain
    for code in ("\x1b[31;1m", "\x1b[33;1m", "\x1b[34;1m", "\x1b[1m", "\x1b[0m"):
        coloured = coloured.replace(code, "")
    assert coloured == plain


def test_problems_keep_the_order_they_were_found_in_for_the_first_cause_comes_first() -> None:
    found = [problem(2, file="b.yaml", message="cause"), problem(9, message="effect")]
    lines = render_report(found, {}).split("\n")
    assert [line.split("] ")[1] for line in lines if line.startswith("error[")] == ["cause", "effect"]


def test_the_same_problem_is_told_once() -> None:
    assert render_report([problem(2), problem(2)], {}, files=1).count("error[") == 1


@pytest.mark.parametrize(
    ("found", "tally"),
    [
        ([], "no problems in 2 files"),
        ([problem(1)], "1 error in 2 files"),
        ([problem(1, severity="warning")], "1 warning in 2 files"),
        (
            [problem(1), problem(2), problem(3, severity="warning")],
            "2 errors, 1 warning in 2 files. Fix the first of each file first.",
        ),
    ],
)
def test_the_last_line_counts(found: list[Problem], tally: str) -> None:
    assert render_report(found, {}, files=2).split("\n")[-1] == tally


def test_a_file_with_very_many_problems_does_not_bury_the_others() -> None:
    report = render_report([problem(line) for line in range(1, 101)] + [problem(1, file="b.yaml")], {})
    assert report.count("error[") == 21
    assert "… and 80 more in a.yaml" in report
    assert "--> b.yaml:1:1" in report


def test_json_says_everything() -> None:
    report = json.loads(render_report([problem(5, length=7, label="why", notes=("write: x",))], {}, "json", files=3))
    assert report == {
        "problems": [
            {
                "code": "NSPS104",
                "severity": "error",
                "message": "problem of line 5",
                "file": "a.yaml",
                "line": 5,
                "column": 1,
                "length": 7,
                "label": "why",
                "notes": ["write: x"],
            }
        ],
        "errors": 1,
        "warnings": 0,
        "files": 3,
    }


def test_github_shows_problems_beside_their_lines() -> None:
    found = problem(5, length=7, file="a,b:c.yaml", message="100 % wrong", notes=("write: x",))
    assert render_report([found], {}, "github", files=1).split("\n") == [
        "::error file=a%2Cb%3Ac.yaml,line=5,col=1,endColumn=8,title=NSPS104::100 %25 wrong%0Awrite: x",
        "1 error in 1 file",
    ]


def test_sarif_names_rules_and_places() -> None:
    log = json.loads(render_report([problem(5, 3, length=7, severity="warning", file="a b.yaml")], {}, "sarif"))
    assert log["version"] == "2.1.0"
    run = log["runs"][0]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["NSPS104"]
    assert run["results"] == [
        {
            "ruleId": "NSPS104",
            "level": "warning",
            "message": {"text": "problem of line 5"},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": "a%20b.yaml"},
                        "region": {"startLine": 5, "startColumn": 3, "endColumn": 10},
                    }
                }
            ],
        }
    ]


def test_junit_has_a_case_for_each_file() -> None:
    found = [problem(5, message='<bad> & "worse" \x01'), problem(1, severity="warning", file="b.yaml")]
    root = ElementTree.fromstring(render_report(found, {"a.yaml": "", "b.yaml": "", "c.yaml": ""}, "junit"))
    suite = root[0]
    assert suite.attrib == {"name": "nsps validate", "tests": "3", "failures": "1", "errors": "0"}
    assert [(case.get("name"), [part.tag for part in case]) for case in suite] == [
        ("a.yaml", ["failure"]),
        ("b.yaml", ["system-out"]),
        ("c.yaml", []),
    ]
    assert suite[0][0].get("message") == '<bad> & "worse" ?'


@pytest.mark.parametrize("form", FORMATS)
def test_every_form_says_that_there_is_nothing_to_say(form: str) -> None:
    report = render_report([], {"a.yaml": TEXT}, form)
    assert report and "a connector" not in report


def test_a_form_there_is_none_of_is_wrong_use() -> None:
    with pytest.raises(WrongUse, match="there is no format `xml`; there are text, json, github, sarif, junit"):
        render_report([], {}, "xml")


SECRET_LINES = [
    "password: hunter22",
    'token: "hunter22"',
    "auth: {kind: bearer, token: hunter22, extra: 1}",
    "    client_secret: 'hunter22'  # test",
    "auth: {bearer: [hunter22]}",
    "store: postgresql://nsps:hunter22@db/nsps",
    "opc: hunter22",
    "# password: hunter22",
]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("line", SECRET_LINES[:-1])
def test_a_literal_secret_is_printed_nowhere(line: str, form: str) -> None:
    text = f"{line}\nretires: 1\n"
    found = [problem(2, 1), problem(1, 1, message="`hunter22` is odd", label="hunter22", notes=("quote it: hunter22",))]
    assert "hunter22" not in render_report(found, {"a.yaml": text}, form)


@pytest.mark.parametrize("line", SECRET_LINES)
def test_an_excerpt_hides_a_literal_secret_in_a_comment_too(line: str) -> None:
    report = render_report([problem(2)], {"a.yaml": f"{line}\nretires: 1\n"})
    assert "hunter22" not in report
    assert "********" in report


def test_prose_about_passwords_hides_nothing_elsewhere() -> None:
    text = "# rotate a password: either is taken\nname: either\n"
    assert " 2 | name: either\n" in render_report([problem(2)], {"a.yaml": text})


def test_a_known_secret_is_printed_nowhere_and_columns_stay() -> None:
    text = "a: s3cret-value b\n"
    report = render_report([problem(1, 17)], {"a.yaml": text}, secrets={"s3cret-value"})
    assert " 1 | a: ************ b\n   |                 ^" in report


@pytest.mark.parametrize(
    "line",
    [
        "token: ${secret:TOKEN}",
        'token: "{{ session.token }}"',
        "token: config.token",
        "token: {type: string}",
        "ki?: args.ki",
    ],
)
def test_what_only_refers_to_a_secret_is_shown(line: str) -> None:
    assert f" 1 | {line}\n" in render_report([problem(1)], {"a.yaml": line})


def test_a_number_where_a_password_belongs_is_not_shown_by_its_message() -> None:
    source = parse("connector: a\nauth: {kind: basic, user: u, password: 0042424242}\n", "a.yaml")
    found = [*source.problems, *check_schema(source, "connector")]
    assert found
    assert "0042424242" not in render_report(found, {"a.yaml": source.text})


def test_the_sarif_log_fits_what_its_standard_requires() -> None:
    result = {
        "type": "object",
        "required": ["ruleId", "level", "message", "locations"],
        "properties": {"level": {"enum": ["none", "note", "warning", "error"]}},
    }
    run = {
        "type": "object",
        "required": ["tool", "results"],
        "properties": {"results": {"type": "array", "items": result}},
    }
    log = {"type": "object", "required": ["version", "runs"], "properties": {"runs": {"type": "array", "items": run}}}
    jsonschema.validate(json.loads(render_report([problem(1)], {}, "sarif")), log)
