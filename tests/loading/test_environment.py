"""`${NAME}`: where the environment is read, what it becomes, and what refuses the start."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.auth import BearerAuth
from engine.connector import Connector
from engine.loading.environment import Environ, placeholder
from tests.loading.projects import SET, changed, checked, lines, sound_in, started


def without(*names: str) -> dict[str, str]:
    return {name: value for name, value in SET.items() if name not in names}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return sound_in(tmp_path / "project")


def hss(folder: Path, environ: dict[str, str]) -> Connector:
    loaded = started(folder, environ)
    assert loaded.catalog is not None, lines(loaded)
    return loaded.catalog.connectors["hss"]


def test_a_value_is_put_in_as_text(folder: Path) -> None:
    assert hss(folder, SET).base_url == "https://hss.test"


@pytest.mark.parametrize("value", ["00123", "true", "{a: 1}", "# x", "null", "a: b", "{{ 7 * 7 }}", "!!python/name:os"])
def test_a_value_is_never_read_again(folder: Path, value: str) -> None:
    catalog = started(folder, {**SET, "BILLING_LOGIN": value}).catalog
    assert catalog is not None
    assert catalog.connectors["billing"].config["login"] == value


def test_a_value_in_a_header_is_no_template(tmp_path: Path) -> None:
    folder = changed(
        tmp_path / "project", "connectors/hss.yaml", "timeout: 5s", 'timeout: 5s\nheaders: {X-Key: "k-${HSS_KEY}"}'
    )
    connector = hss(folder, {**SET, "HSS_KEY": "{{ args.imsi }}"})
    assert connector.headers["X-Key"].render({"config": connector.config}) == "k-{{ args.imsi }}"


def test_a_reference_inside_the_braces_of_a_template_is_refused(tmp_path: Path) -> None:
    folder = changed(
        tmp_path / "project", "connectors/hss.yaml", "timeout: 5s", "timeout: 5s\nheaders: {X: \"{{ '${KEY}' }}\"}"
    )
    assert lines(checked(folder)) == [
        "error[NSPS403] connectors/hss.yaml:5:19 the environment is not read here: `${KEY}`"
    ]


def test_two_dollars_are_one_without_a_reference(tmp_path: Path) -> None:
    folder = changed(tmp_path / "project", "connectors/billing.yaml", "config:\n", "config:\n  odd: $${LOGIN}\n")
    catalog = checked(folder).catalog
    assert catalog is not None and catalog.connectors["billing"].config["odd"] == "${LOGIN}"


@pytest.mark.parametrize("value", [None, ""])
def test_a_default_stands_in_for_unset_and_for_empty(folder: Path, value: str | None) -> None:
    catalog = started(folder, {**SET, **({"DEFAULT_PROFILE": value} if value is not None else {})}).catalog
    assert catalog is not None and catalog.settings.config["default_profile"] == "basic"


def test_an_empty_default_is_a_value(tmp_path: Path) -> None:
    folder = changed(tmp_path / "project", "nsps.yaml", ":-basic", ":-")
    catalog = started(folder, SET).catalog
    assert catalog is not None and catalog.settings.config["default_profile"] == ""


def test_a_secret_may_come_from_a_file_without_its_last_newline(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-a-file\n")
    auth = hss(folder, {**without("HSS_TOKEN"), "HSS_TOKEN_FILE": str(tmp_path / "token")}).auth
    assert auth == BearerAuth(token="from-a-file")


def test_the_variable_itself_goes_before_its_file(folder: Path, tmp_path: Path) -> None:
    auth = hss(folder, {**SET, "HSS_TOKEN_FILE": str(tmp_path / "missing")}).auth
    assert auth == BearerAuth(token="hss-secret")


def test_a_secret_file_that_cannot_be_read_is_named(folder: Path, tmp_path: Path) -> None:
    loaded = started(folder, {**without("HSS_TOKEN"), "HSS_TOKEN_FILE": str(tmp_path / "missing")})
    assert lines(loaded)[0] == (
        "error[NSPS405] connectors/hss.yaml:3:30 the file that `HSS_TOKEN_FILE` names cannot be read: "
        "No such file or directory"
    )


def test_an_unset_name_is_a_placeholder_where_nothing_starts(folder: Path) -> None:
    catalog = checked(folder).catalog
    assert catalog is not None
    assert catalog.connectors["hss"].base_url == "https://hss-url.invalid"
    assert catalog.connectors["hss"].auth == BearerAuth(token="<HSS_TOKEN>")
    assert catalog.unset == (
        "API_TOKEN",
        "BILLING_LOGIN",
        "BILLING_TOKEN",
        "BILLING_URL",
        "ESPF_PASSWORD",
        "HSS_TOKEN",
        "HSS_URL",
    )


def test_everything_is_on_where_nothing_starts(folder: Path) -> None:
    catalog = checked(folder).catalog
    assert catalog is not None and catalog.settings.receive.espf is not None
    assert catalog.pipelines["hss"].off is None
    assert catalog.settings.receive.espf.off is None


def test_a_pipeline_that_is_not_enabled_is_off_everywhere(tmp_path: Path) -> None:
    folder = changed(tmp_path / "project", "pipelines/hss.yaml", "needs: [HSS_URL]", "enabled: false")
    for loaded in (checked(folder), started(folder, {})):
        assert loaded.catalog is not None
        assert loaded.catalog.pipelines["hss"].off == "enabled: false"


@pytest.mark.parametrize("environ", [without("HSS_URL"), {**SET, "HSS_URL": ""}])
def test_a_pipeline_is_off_where_a_name_it_needs_is_unset_or_empty(folder: Path, environ: dict[str, str]) -> None:
    loaded = started(folder, environ)
    assert loaded.catalog is not None
    assert loaded.catalog.pipelines["hss"].off == "HSS_URL is not set"


def test_a_receiver_is_off_where_a_name_it_needs_is_unset(folder: Path) -> None:
    catalog = started(folder, without("API_TOKEN")).catalog
    assert catalog is not None and catalog.settings.receive.nsps is not None
    assert catalog.settings.receive.nsps.off == "API_TOKEN is not set"


def test_a_secret_in_a_file_satisfies_needs(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t")
    catalog = started(folder, {**without("API_TOKEN"), "API_TOKEN_FILE": str(tmp_path / "token")}).catalog
    assert catalog is not None and catalog.settings.receive.nsps is not None
    assert catalog.settings.receive.nsps.off is None
    assert catalog.settings.receive.nsps.auth.bearer == ("t",)


def test_an_unset_name_of_a_connector_that_is_called_refuses_the_start(folder: Path) -> None:
    loaded = started(folder, without("HSS_TOKEN"))
    assert loaded.catalog is None
    (problem,) = loaded.problems
    assert str(problem.place) == "connectors/hss.yaml:3:30"
    assert problem.message == "HSS_TOKEN is not set"
    assert problem.label == "pipeline `hss` calls connector `hss`"
    assert problem.notes == (
        "set HSS_TOKEN, or HSS_TOKEN_FILE to a file that holds it",
        "or add it to the pipeline's `needs:`, which turns `hss` off where it is unset",
    )


def test_an_unset_name_of_an_enriching_connector_refuses_the_start(folder: Path) -> None:
    assert [problem.message for problem in started(folder, without("BILLING_URL")).problems] == [
        "BILLING_URL is not set"
    ]


def test_where_nothing_receives_from_espf_what_only_enriches_need_not_be_set(folder: Path) -> None:
    loaded = started(folder, without("ESPF_PASSWORD", "BILLING_URL", "BILLING_LOGIN", "BILLING_TOKEN"))
    assert loaded.catalog is not None, lines(loaded)


def test_what_only_an_inactive_pipeline_calls_need_not_be_set(folder: Path) -> None:
    assert started(folder, {"ESPF_PASSWORD": "x"}).catalog is not None


def test_an_unset_name_of_nsps_yaml_refuses_the_start(tmp_path: Path) -> None:
    folder = changed(tmp_path / "project", "nsps.yaml", ":-basic}", "}")
    assert lines(started(folder, SET)) == ["error[NSPS401] nsps.yaml:15:20 DEFAULT_PROFILE is not set"]


def test_a_receiver_without_needs_refuses_the_start_when_its_secret_is_unset(tmp_path: Path) -> None:
    folder = changed(tmp_path / "project", "nsps.yaml", "    needs: [API_TOKEN]\n", "")
    (problem,) = started(folder, without("API_TOKEN")).problems
    assert problem.message == "API_TOKEN is not set"
    assert problem.notes[1] == "or give receive.nsps `needs: [API_TOKEN]`, or leave it out: then it does not listen"


def test_a_value_that_is_no_url_is_refused_without_showing_it(folder: Path) -> None:
    (problem,) = started(folder, {**SET, "HSS_URL": "hss.test:8080"}).problems
    assert (problem.code, problem.message) == ("NSPS406", "the value of HSS_URL cannot be `base_url`")
    assert "hss.test" not in "".join(problem.notes)


def test_a_duration_from_the_environment_is_checked_without_showing_it(tmp_path: Path) -> None:
    folder = changed(tmp_path / "project", "connectors/hss.yaml", "timeout: 5s", "timeout: ${HSS_TIMEOUT:-5s}")
    assert hss(folder, {**SET, "HSS_TIMEOUT": "1m"}).timeout_s == 60.0
    (problem,) = started(folder, {**SET, "HSS_TIMEOUT": "thirty"}).problems
    assert problem.message == "the value of HSS_TIMEOUT cannot be `timeout`"


@pytest.mark.parametrize("value", ["se\ncret", "secret\r\n", "se\x00cret"])
def test_a_credential_with_a_control_character_is_refused_without_showing_it(folder: Path, value: str) -> None:
    (problem,) = started(folder, {**SET, "HSS_TOKEN": value}).problems
    assert problem.message == "the value of HSS_TOKEN holds a line break or another control character"


def test_a_placeholder_is_visible_and_a_url_where_one_is_wanted() -> None:
    assert placeholder("A_B", ("config", "x"), at_start=True) == "<A_B>"
    assert placeholder("A_B", ("base_url",), at_start=True) == "https://a-b.invalid"
    assert placeholder("A_B", ("base_url",), at_start=False) == "a-b.invalid"


def test_needs_name_all_that_is_unset() -> None:
    environ = Environ({"A": "1", "B": ""})
    assert environ.missing(("A",)) is None
    assert environ.missing(("A", "B", "C")) == "B and C are not set"
