"""Files that hang, exhaust or run code in other YAML readers: each gives exactly one message.

Sizes are chosen so that an unbounded reader would not come back.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.loading.source import MAX_BYTES, parse, read

LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 40)
)

HOSTILE: dict[str, tuple[str | bytes, str]] = {
    "billion laughs": (LAUGHS, "NSPS127"),
    "an alias to itself": ("a: &a [*a]\n", "NSPS127"),
    "an alias to what holds it": ("a: &a {b: {c: *a}}\n", "NSPS127"),
    "merge keys in a loop": ("a: &a\n  <<: *a\n", "NSPS128"),
    "merge keys of a list": ("a: &a {x: 1}\nb:\n  <<: [*a, *a]\n", "NSPS128"),
    "5,000 open brackets": ("[" * 5000, "NSPS129"),
    "5,000 levels, closed": ("[" * 5000 + "]" * 5000, "NSPS129"),
    "5,000 braces": ("{a: " * 5000 + "}" * 5000, "NSPS129"),
    "5,000 dashes": ("- " * 5000 + "x", "NSPS129"),
    "200,000 brackets": ("[" * 200_000, "NSPS129"),
    "50 MB": (b"a: 1\n" * 10_000_000, "NSPS121"),
    "one line of 2 MB": ("a: " + "x" * 2_000_000, "NSPS121"),
    "a NUL byte": ("a: x\x00y\n", "NSPS123"),
    "NUL bytes only": (b"\x00" * 1000, "NSPS122"),
    "an escape character": ("a: \x1b[2J\n", "NSPS123"),
    "a line separator": ("a: x\u2028b: y\n", "NSPS123"),
    "UTF-16 with its mark": ("a: 1\n".encode("utf-16"), "NSPS122"),
    "UTF-16 without": ("connector: hss\n".encode("utf-16-le"), "NSPS122"),
    "UTF-32": ("a: 1\n".encode("utf-32"), "NSPS122"),
    "Latin-1": ("a: Zürich\n".encode("latin-1"), "NSPS122"),
    "half a character": ("a: é".encode()[:-1], "NSPS122"),
    "a lone surrogate": ("a: \ud800\n", "NSPS123"),
    "a byte order mark": (b"\xef\xbb\xbfa: 1\n", "NSPS124"),
    "a byte order mark in the middle": ("a: 1\nb: \ufeff2\n", "NSPS123"),
    "a Python object": ("a: !!python/object/apply:os.system ['touch /tmp/owned']\n", "NSPS126"),
    "a Python name": ("a: !!python/name:os.system\n", "NSPS126"),
    "a binary": ("a: !!binary R0lGODlhDAAMAIQAAP==\n", "NSPS126"),
    "a verbatim tag": ("a: !<tag:yaml.org,2002:str> x\n", "NSPS131"),
    "a tag of a list": ("a: !set [x]\n", "NSPS126"),
    "a tag of a name": ("!!str a: 1\n", "NSPS126"),
    "a tag directive": ("%TAG ! tag:example.com,2000:\n---\na: !x 1\n", "NSPS131"),
    "a thousand documents": ("---\na: 1\n" * 1000, "NSPS125"),
    "a key of 2,000 characters": ("k" * 2000 + ": 1\n", "NSPS101"),
    "no YAML at all": ("<html>\n<body>&nbsp;: [</body>\n", "NSPS101"),
    "an open quote of 900 KB": ('a: "' + "x " * 450_000, "NSPS101"),
    "quotes and brackets": ('[{"' * 300, "NSPS131"),
    "70,000 anchors": ("".join(f"- &a{n} x\n" for n in range(70_000)) + "- *gone\n", "NSPS127"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_gives_exactly_one_message_with_its_place(name: str) -> None:
    content, code = HOSTILE[name]
    problems = parse(content, "evil.yaml").problems
    assert [problem.code for problem in problems] == [code]
    assert problems[0].place.file == "evil.yaml"
    assert problems[0].place.line >= 1 and problems[0].place.column >= 1


def test_a_file_of_50_mb_is_refused_before_it_is_in_memory(tmp_path: Path) -> None:
    with (tmp_path / "big.yaml").open("wb") as big:
        big.truncate(50 * 1024 * 1024)
    source = read(tmp_path / "big.yaml", "big.yaml")
    assert [p.message for p in source.problems] == [
        "the file is too large to be configuration: 50.0 MiB, the limit is 1 MiB"
    ]
    assert source.text == ""


def test_a_file_of_just_the_limit_is_read() -> None:
    text = "a: 1\n" + "#" * (MAX_BYTES - 5)
    assert parse(text, "f.yaml").problems == ()


def test_a_thousand_duplicate_keys_do_not_make_a_thousand_messages() -> None:
    assert len(parse("a: 1\n" * 1000, "f.yaml").problems) == 50


def test_many_values_without_aliases_are_no_bomb() -> None:
    assert parse("a:\n" + "- x\n" * 30_000, "f.yaml").problems == ()


PIECES = [
    "a",
    ": ",
    ":",
    "- ",
    "\n",
    "  ",
    "\t",
    "[",
    "]",
    "{",
    "}",
    ",",
    "!",
    "&x ",
    "*x",
    "'",
    '"',
    "|",
    ">-",
    "#",
    "%",
    "@",
]
PIECES += ["\\", "---\n", "<<", "?", " ", "1", "007", "é", "\r\n", "\ufeff", "\u2028", "\x00", "{{ x }}", "..."]


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_whatever_a_file_holds_it_is_read_or_told_about_at_a_place_inside_it(text: str) -> None:
    source = parse(text, "f.yaml")
    assert (source.root is not None) or source.problems
    lines = text.replace("\r\n", "\n").split("\n")
    for problem in source.problems:
        assert 1 <= problem.place.line <= len(lines)
        assert 1 <= problem.place.column <= len(lines[problem.place.line - 1]) + 1
        assert problem.length >= 1
        assert problem.message
