"""nsps.yaml as a value."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.retry import POLICIES
from engine.settings import Credential, CustomCredential, InFlight, Retention, RetryPhase, Settings
from tests.loading.projects import checked, lines, sound_in

FULL = """
instance: acme-prod
receive:
  espf:
    path: /in
    auth:
      header: X-Auth
      basic: [{user: a, password: "${secret:A}"}, {user: b, password: "${secret:B}"}]
      custom: [{scheme: Token, value: "${secret:C}"}]
    wrong_credentials: 503
    max_body: 512KiB
  nsps:
    path: /out
    auth: {bearer: ["${secret:D}", "${secret:E}"]}
    answer: accepted
    answer_within: 500ms
store: postgresql://db/nsps
queue: redis://queue
retry: patient
retries:
  patient:
    main: {first: 5s, factor: 1.5, max: 10m, attempts: 3}
    long: {first: 1h, factor: 2, max: 24h, for: 30d}
keep: {finished: 30d, replies: 12h}
in_flight: {total: 50, per_pipeline: 5}
config: {table: {O: open, S: suspended}, number: 5}
"""


def settings_of(text: str, folder: Path) -> Settings:
    sound_in(folder)
    (folder / "pipelines/hss.yaml").unlink()
    (folder / "pipelines/hss.test.yaml").unlink()
    (folder / "nsps.yaml").write_text(text)
    loaded = checked(folder, {name: name * 3 for name in "ABCDE"})
    assert loaded.catalog is not None, lines(loaded)
    return loaded.catalog.settings


@pytest.fixture
def full(tmp_path: Path) -> Settings:
    return settings_of(FULL, tmp_path / "project")


@pytest.fixture
def least(tmp_path: Path) -> Settings:
    return settings_of("instance: acme\n", tmp_path / "project")


def test_the_espf_receiver_is_as_written(full: Settings) -> None:
    espf = full.receive.espf
    assert espf is not None
    assert (espf.path, espf.wrong_credentials, espf.max_body_bytes) == ("/in", 503, 512 * 1024)
    assert espf.auth.basic == (Credential(user="a", password="AAA"), Credential(user="b", password="BBB"))
    assert espf.auth.custom == (CustomCredential(scheme="Token", value="CCC"),)
    assert espf.auth.header == "X-Auth"


def test_the_nsps_receiver_is_as_written(full: Settings) -> None:
    nsps = full.receive.nsps
    assert nsps is not None
    assert (nsps.path, nsps.auth.bearer, nsps.answer, nsps.answer_within_s) == ("/out", ("DDD", "EEE"), "accepted", 0.5)


def test_durations_and_sizes_have_units(full: Settings) -> None:
    assert full.keep == Retention(finished_s=30 * 86400.0, replies_s=12 * 3600.0)
    assert full.in_flight == InFlight(total=50, per_pipeline=5)


def test_own_retry_policies_stand_beside_the_built_in_ones(full: Settings) -> None:
    assert full.retries["patient"].main == RetryPhase(first_s=5.0, factor=1.5, max_s=600.0, attempts=3)
    assert full.retries["patient"].long == RetryPhase(first_s=3600.0, factor=2.0, max_s=86400.0, for_s=30 * 86400.0)
    assert {name: full.retries[name] for name in POLICIES} == POLICIES


def test_config_keeps_its_tables_and_types(full: Settings) -> None:
    assert full.config == {"table": {"O": "open", "S": "suspended"}, "number": 5}


def test_an_instance_needs_nothing_but_its_name(least: Settings) -> None:
    assert (least.store, least.queue, least.retry) == ("sqlite:///var/nsps.db", "embedded", "standard")
    assert least.receive.espf is None and least.receive.nsps is None
    assert least.keep == Retention() and least.in_flight == InFlight()
