"""Every code a message carries is explained, with what is wrong and what is right."""

from __future__ import annotations

import re
from pathlib import Path

import engine
from engine.loading.codes import codes
from engine.loading.schema_check import check_schema
from engine.loading.source import parse

ENGINE = Path(engine.__file__).parent


def reported_codes() -> set[str]:
    """The codes that stand in the engine's sources."""
    files = [file for file in ENGINE.rglob("*.py") if not file.name.startswith("codes_")]
    return {code for file in files for code in re.findall(r"\"(NSPS\d{3})\"", file.read_text())}


def test_every_code_that_is_reported_is_explained() -> None:
    assert sorted(reported_codes() - set(codes())) == []


def test_every_code_that_is_explained_is_reported() -> None:
    assert sorted(set(codes()) - reported_codes()) == []


def test_a_code_is_listed_under_itself_and_says_something() -> None:
    for name, code in codes().items():
        assert code.code == name
        assert re.fullmatch(r"NSPS[1-5]\d\d", name)
        assert code.title and not code.title.endswith(".")
        assert len(code.explanation) > 30
        assert code.right


def test_titles_tell_codes_apart() -> None:
    titles = [code.title for code in codes().values()]
    assert len(set(titles)) == len(titles)


def test_the_wrong_examples_of_yaml_are_refused_and_the_right_ones_read() -> None:
    prose = {"NSPS120", "NSPS121", "NSPS122", "NSPS123", "NSPS124", "NSPS127", "NSPS129", "NSPS133"}
    for name, code in codes().items():
        if (name.startswith("NSPS1") and name not in prose and name > "NSPS111") or name in (
            "NSPS101",
            "NSPS102",
            "NSPS103",
        ):
            assert name in [problem.code for problem in parse(code.wrong, "wrong.yaml").problems], name
            assert parse(code.right, "right.yaml").problems == (), name


def test_the_wrong_examples_of_fields_are_refused_under_their_code() -> None:
    whole = "connector: hss\ntransport: http\nbase_url: https://x\noperations: {a: {request: {method: GET, path: /}}}\n"
    pipeline = "pipeline: p\ndispatch: [{call: a.b}]\nevents: [x]\n"
    files = {
        "NSPS104": (codes()["NSPS104"].wrong, "connector"),
        "NSPS107": (pipeline + codes()["NSPS107"].wrong, "pipeline"),
        "NSPS110": (whole + codes()["NSPS110"].wrong.split("\n")[0], "connector"),
        "NSPS111": (whole.replace("transport: http", codes()["NSPS111"].wrong), "connector"),
    }
    for name, (text, kind) in files.items():
        assert name in [problem.code for problem in check_schema(parse(text, "wrong.yaml"), kind)], name
