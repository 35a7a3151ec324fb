"""After a slip of the hand the message says what to write, and says nothing that leads astray."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.loading.projects import changed, checked

HSS = "connectors/hss.yaml"


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        (
            HSS,
            'imsi: "{{ args.imsi }}"\n',
            'imsi: "{{ args.imsi }}\n',
            'the quote " that opens here is not closed in its line',
        ),
        (HSS, "{{ args.subscriber }}", "{{ args.subscriber }", "end it with }}"),
        (HSS, "${HSS_URL}", "$HSS_URL", "write:  ${HSS_URL}"),
        (HSS, "{type: integer}", "{type: int}", "write:  type: integer"),
        (HSS, "{type: integer}", "{type: intger}", "did you mean `integer`?"),
        (HSS, "{type: integer}", "{type: text}", "write:  type: string"),
        (HSS, "subscriber: {type: integer}", "subscriber: integer", "write:  {type: integer}"),
        (HSS, "${secret:HSS_TOKEN}", "${secrets:HSS_TOKEN}", "write:  ${secret:HSS_TOKEN}"),
        (HSS, "connector: hss", "connector: HSS", "write:  hss"),
        ("nsps.yaml", "instance: ", "instance: My ", "write:  my_"),
    ],
)
def test_it_says_what_to_write(tmp_path: Path, file: str, old: str, new: str, told: str) -> None:
    problems = checked(changed(tmp_path / "project", file, old, new)).problems
    said = "\n".join(text for one in problems for text in (one.message, one.label, *one.notes))
    assert told in said


def test_an_unclosed_quote_is_pointed_at_where_it_opens(tmp_path: Path) -> None:
    (problem,) = checked(
        changed(tmp_path / "project", HSS, 'imsi: "{{ args.imsi }}"\n', 'imsi: "{{ args.imsi }}\n')
    ).problems
    assert (problem.place.line, problem.place.column) == (23, 15)


def test_a_reference_that_is_none_is_no_secret_read_as_a_variable(tmp_path: Path) -> None:
    problems = checked(changed(tmp_path / "project", HSS, "${secret:HSS_TOKEN}", "${secrets:HSS_TOKEN}")).problems
    assert [problem.code for problem in problems] == ["NSPS402"]


def test_a_key_read_in_place_of_text_is_told_once(tmp_path: Path) -> None:
    folder = changed(tmp_path / "project", HSS, "case == 'missing'", 'case == \\"missing\\"')
    text = (
        (folder / HSS)
        .read_text()
        .replace('when: steps.found.case == \\"missing\\"', "when: 'steps.found.case == \"missing\"'")
    )
    (folder / HSS).write_text(text)
    assert [problem.code for problem in checked(folder).problems] == ["NSPS307"]


def test_other_capitals_in_a_name_are_told_once_and_not_at_every_call(tmp_path: Path) -> None:
    problems = checked(changed(tmp_path / "project", HSS, "connector: hss", "connector: HSS")).problems
    assert {problem.code for problem in problems if problem.severity == "error"} == {"NSPS108"}
