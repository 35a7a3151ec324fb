"""Strict YAML: what a value is, and what is refused in words that say what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.loading.source import Source, parse, read

PLAIN_TEXT = [
    "no",
    "off",
    "yes",
    "on",
    "y",
    "N",
    "True",
    "FALSE",
    "Null",
    "NULL",
    "12:30:45",
    "2025-05-01",
    "2025-05-01T10:00:00Z",
    "1.2.3",
    "00:1a:2b",
    "5s",
    "50/s",
    "15550100042@msisdn",
    "+",
    ".",
    "e5",
    "1e",
    "=",
    "data.variables.x",
    "-x",
    "1-2",
]


def only(source: Source) -> str:
    """The one problem of a file as `code line:column length message | notes`."""
    assert len(source.problems) == 1, source.problems
    problem = source.problems[0]
    notes = "".join(f" | {note}" for note in problem.notes)
    return f"{problem.code} {problem.place.line}:{problem.place.column} {problem.length} {problem.message}{notes}"


def value(text: str) -> object:
    source = parse(f"a: {text}\n", "f.yaml")
    assert source.root is not None, source.problems
    assert not source.problems
    return source.root.plain()["a"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("-17", -17),
        ("277147", 277147),
        ("9007199254740992", 2**53),
        ("1.5", 1.5),
        ("-0.25", -0.25),
        ('"001010000000017"', "001010000000017"),
    ],
)
def test_json_values_are_themselves(text: str, expected: object) -> None:
    assert value(text) == expected
    assert type(value(text)) is type(expected)


@pytest.mark.parametrize("text", PLAIN_TEXT)
def test_what_other_yaml_readers_convert_stays_text(text: str) -> None:
    assert value(text) == text


@pytest.mark.parametrize(
    ("text", "loss"),
    [
        ("001010000000017", "as a number it loses its leading zeros"),
        ("00", "as a number it loses its leading zeros"),
        ("+380441234567", "as a number it loses its plus"),
        ("8901410321111851000", "as a number it loses its last digits"),
        ("9007199254740993", "as a number it loses its last digits"),
        ("1.10", "as a number it becomes 1.1"),
        ("1e3", "as a number it becomes 1000.0"),
        ("1e999", "as a number it becomes inf"),
        ("0.1234567890123456789", "as a number it becomes 0.12345678901234568"),
        ("-0", "as a number it becomes 0"),
        ("0x1F", "readers of YAML disagree on what this number is"),
        ("0o17", "readers of YAML disagree on what this number is"),
        ("0b11", "readers of YAML disagree on what this number is"),
        ("1_000", "readers of YAML disagree on what this number is"),
        (".5", "readers of YAML disagree on what this number is"),
        ("5.", "readers of YAML disagree on what this number is"),
        (".inf", "readers of YAML disagree on what this number is"),
        (".nan", "readers of YAML disagree on what this number is"),
    ],
)
def test_a_number_that_would_lose_something_must_be_quoted(text: str, loss: str) -> None:
    source = parse(f"a: {text}\n", "f.yaml")
    assert only(source).startswith(f'NSPS103 1:4 {len(text)} {text}: {loss} | quote it: "{text}"')


def test_a_decimal_number_in_another_form_says_how_to_write_it() -> None:
    assert only(parse("a: 1.50\n", "f.yaml")).endswith('| quote it: "1.50"; where a number is meant, write 1.5')


def test_a_number_of_a_million_digits_is_refused_at_once() -> None:
    assert parse("a: " + "9" * 1_000_000, "f.yaml").problems[0].code == "NSPS103"


def test_every_ambiguous_number_of_a_file_is_told() -> None:
    source = parse("a: 007\nb: [+1, 2]\nc: 1\n", "f.yaml")
    assert [(p.code, p.place.line) for p in source.problems] == [("NSPS103", 1), ("NSPS103", 2)]
    assert source.root is not None


def test_windows_line_ends_change_nothing() -> None:
    windows, unix = parse(b"a: 1\r\nb:\r\n  - x\r\n", "f.yaml"), parse(b"a: 1\nb:\n  - x\n", "f.yaml")
    assert windows.root == unix.root
    assert windows.text == unix.text


def test_a_byte_order_mark_is_a_warning_and_the_file_is_read() -> None:
    source = parse("\ufeffa: 1\n".encode(), "f.yaml")
    assert source.root is not None and source.root.plain() == {"a": 1}
    assert [(p.code, p.severity) for p in source.problems] == [("NSPS124", "warning")]


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "~\n"])
def test_a_file_that_holds_nothing_has_a_root_of_null(text: str) -> None:
    source = parse(text, "f.yaml")
    assert source.root is not None and source.root.kind == "null"


def test_anchors_and_aliases_repeat_a_value() -> None:
    source = parse("a: &card {imsi: result.imsi}\nb: *card\n", "f.yaml")
    assert source.root is not None
    assert source.root.plain() == {"a": {"imsi": "result.imsi"}, "b": {"imsi": "result.imsi"}}


def test_an_aliased_value_knows_the_key_it_is_repeated_under() -> None:
    source = parse("a: &x 1\nbb: *x\n", "f.yaml")
    assert source.root is not None
    place = source.root.value["bb"].key_place
    assert (place.line, place.column) == (2, 1)


def test_places_are_those_of_the_content() -> None:
    source = parse('a: x\nb: "quoted"\nc: >-  # why\n\n  folded\n  text\nd: {e: [1, é]}\n', "f.yaml")
    assert source.root is not None
    nodes = source.root.value
    seen = {name: (node.place.line, node.place.column, node.length, node.style) for name, node in nodes.items()}
    assert seen == {
        "a": (1, 4, 1, "plain"),
        "b": (2, 5, 6, "quoted"),
        "c": (5, 3, 6, "block"),
        "d": (7, 4, 11, "plain"),
    }
    assert nodes["d"].value["e"].key_place.column == 5
    assert nodes["d"].value["e"].value[1].place.column == 12


def test_an_expression_that_must_be_quoted_is_told_so_in_full() -> None:
    problem = parse("order:\n  key: !(vars.imsi) || 'x'  # why\n", "pipelines/p.yaml").problems[0]
    assert problem.code == "NSPS131"
    assert str(problem.place) == "pipelines/p.yaml:2:8"
    assert problem.length == len("!(vars.imsi) || 'x'")
    assert problem.message == "the value of `key` must be quoted: it begins with `!`, which YAML reads as its own"
    assert problem.notes == ("write:  key: \"!(vars.imsi) || 'x'\"",)


@pytest.mark.parametrize(
    ("text", "place", "note"),
    [
        ("when: !vars.imsi", "1:7 10", 'write:  when: "!vars.imsi"'),
        ("when: !(a) && b", "1:7 9", 'write:  when: "!(a) && b"'),
        ("- !(a)", "1:3 4", 'write:  "!(a)"'),
        ("key: &name.x", "1:6 7", 'write:  key: "&name.x"'),
        ("events: [*/Updated]", "1:10 9", 'write:  "*/Updated"'),
        ("events: [SIM/Updated, **]", "1:23 2", 'write:  "**"'),
        ("a: @x  # why", "1:4 2", 'write:  a: "@x"'),
        ("a: `5`", "1:4 3", 'write:  a: "`5`"'),
        ("a: %x", "1:4 2", 'write:  a: "%x"'),
        ("a: 'gold' == vars.x", "1:4 16", "write:  a: \"'gold' == vars.x\""),
        ('a: "x" || y', "1:4 8", "write:  a: '\"x\" || y'"),
        ("a: [x][0].y", "1:4 8", 'write:  a: "[x][0].y"'),
        ("a: [?x].y", "1:4 6", 'write:  a: "[?x].y"'),
        ("a: {b: c}.b", "1:4 8", 'write:  a: "{b: c}.b"'),
        ("a: x[].{b: c}", "1:4 10", 'write:  a: "x[].{b: c}"'),
        ("json: {a: {{ args.imsi }}}", "1:11 15", 'write:  "{{ args.imsi }}"'),
        ("path: {{ args.imsi }}", "1:7 15", 'write:  path: "{{ args.imsi }}"'),
        ("path: {{ args.imsi }}/x", "1:7 17", 'write:  path: "{{ args.imsi }}/x"'),
    ],
)
def test_an_expression_or_template_that_yaml_reads_as_its_own_must_be_quoted(text: str, place: str, note: str) -> None:
    problem = parse(text + "\n", "f.yaml").problems[0]
    assert problem.code == "NSPS131"
    assert f"{problem.place.line}:{problem.place.column} {problem.length}" == place
    assert problem.notes == (note,)


@pytest.mark.parametrize("value", ["split(x, '@')", "f(x, y)", "f(x, [y])", "x[?y == `1`].{z: z}", "if(a, {b: c}, d)"])
def test_a_comma_or_bracket_inside_braces_must_be_quoted(value: str) -> None:
    problems = parse(f"with: {{name: {value}}}\n", "f.yaml").problems
    assert [(problem.code, problem.place.line) for problem in problems] == [("NSPS131", 1)]
    assert "inside { } quote a value that holds , [ ] { }" in problems[0].notes[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a:b\nc: d\n", "NSPS101 1:2 1 a space is missing behind the colon | write:  a: b"),
        ("timeout 30s\nlimits: {}\n", "NSPS101 1:1 7 `timeout` has no colon | write:  timeout: 30s"),
        ("key\nb: 1\n", "NSPS101 1:1 3 `key` has no colon | write:  key: …"),
        ("a: 'open\nb: 2\n", "NSPS101 1:4 1 the quote ' that opens here is never closed"),
        ("a: [1\nb: 3\n", "NSPS101 1:4 1 `[` opens here and is never closed with `]`"),
        ("a: {b: 1\nc: 2\n", "NSPS101 1:4 1 `{` opens here and is never closed with `}`"),
        ("1: a\n", 'NSPS130 1:1 1 the name `1` reads as a number | quote it: "1"'),
        ("true: a\n", 'NSPS130 1:1 4 the name `true` reads as true or false | quote it: "true"'),
        ("~: a\n", 'NSPS130 1:1 1 the name `~` reads as nothing (null) | quote it: "~"'),
        ("0017: a\n", 'NSPS130 1:1 4 the name `0017` reads as a number | quote it: "0017"'),
        ("? - a\n: b\n", "NSPS130 1:3 1 a name is text, never a list, a mapping or an alias"),
        (
            'a: "\\d+"\n',
            "NSPS101 1:5 2 `\\d` is no escape of double quotes | in single quotes a backslash is itself:  '\\d+'",
        ),
        (
            "a:\n  b: 1\n c: 2\n",
            "NSPS101 3:2 4 this line does not fit what stands above it"
            " | lines of one mapping begin in one column, what belongs to a field stands deeper than its name"
            " | YAML: did not find expected key",
        ),
        (
            "limits: rate: 50/s\n",
            "NSPS131 1:9 10 the value of `limits` must be quoted: it holds `: `, which YAML reads as its own"
            ' | write:  limits: "rate: 50/s"'
            " | or, if `rate` is a field: write it in a line of its own below, two spaces deeper",
        ),
        (
            "- a\nb: 1\n",
            "NSPS101 2:1 4 a list and a mapping are mixed here"
            " | the lines of a list all begin with `- ` in one column, those of a mapping never do",
        ),
        (
            "a:\n\tb: 1\n",
            "NSPS132 2:1 1 a tab stands in the indentation, where YAML allows spaces only | use two spaces for each level",
        ),
        (
            "a: 1\nb: 2\na: 3\n",
            "NSPS102 3:1 1 `a` stands here twice; it was set in line 1 already | keep one of the two",
        ),
        (
            "a: 1\n---\nb: 2\n",
            "NSPS125 2:1 3 a second document begins here; a file holds one"
            " | make it a file of its own, or delete this line and what follows",
        ),
        (
            "a: !!str 5\n",
            "NSPS126 1:4 5 YAML tags such as `!!str` are refused | delete it; quote the value if it must be text",
        ),
        (
            "a: {b: 1}\n<<: *a\n",
            "NSPS128 2:1 2 merge keys (`<<`) are not part of this language | write the fields out",
        ),
        (
            "events: *all\n",
            "NSPS127 1:9 4 `*all` repeats an anchor that nothing sets"
            ' | an expression or pattern that begins with `*` goes in quotes: "*all"',
        ),
    ],
)
def test_a_syntax_error_says_what_was_found_and_what_to_write(text: str, message: str) -> None:
    assert only(parse(text, "f.yaml")) == message


def test_a_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    assert only(read(tmp_path / "gone.yaml", "gone.yaml")) == "NSPS120 1:1 1 cannot read it: No such file or directory"


def test_a_folder_in_place_of_a_file_is_a_problem(tmp_path: Path) -> None:
    assert read(tmp_path, "connectors").problems[0].code == "NSPS120"


def test_a_file_is_read_under_the_name_it_has_in_messages(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("a: 007\n")
    assert str(read(tmp_path / "x.yaml", "connectors/x.yaml").problems[0].place) == "connectors/x.yaml:1:4"
