"""The container files say what the product takes, and what an orchestrator accepts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import typer.main
import yaml

import cli

ROOT = Path(__file__).resolve().parent.parent
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
MANIFESTS = list(yaml.safe_load_all((ROOT / "docs" / "kubernetes" / "nsps.yaml").read_text()))
STORES = {"postgres", "valkey"}


def our_commands() -> Iterator[list[str]]:
    yield from (part["command"] for name, part in COMPOSE["services"].items() if name not in STORES)
    for manifest in MANIFESTS:
        for container in containers(manifest):
            yield container["args"]


def containers(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = manifest.get("spec", {}).get("template", {}).get("spec", {}).get("containers", [])
    return found


@pytest.mark.parametrize(
    "manifest", MANIFESTS, ids=lambda manifest: f"{manifest['kind']} {manifest['metadata']['name']}"
)
def test_a_manifest_is_what_kubernetes_takes(manifest: dict[str, Any]) -> None:
    kubernetes_validate.validate(manifest, "1.35", strict=True)


def test_compose_hands_on_every_variable_that_the_shipped_files_read() -> None:
    shipped = [ROOT / "nsps.yaml", *ROOT.glob("connectors/*.yaml"), *ROOT.glob("pipelines/*.yaml")]
    read = {
        name for path in shipped for name in re.findall(r"\$\{(?:secret:)?(\w+)", path.read_text()) if name.isupper()
    }
    assert {"WTL_IMSI_REGEXP", "ESPF_PASSWORD"} <= read
    for part in ("serve", "worker", "migrate"):
        missing = read - COMPOSE["services"][part]["environment"].keys() - {"NAME", "NAME_FILE"}
        assert not missing, f"{part} would take the defaults of {missing} in silence"


@pytest.mark.parametrize("command", list(our_commands()), ids=" ".join)
def test_a_container_calls_a_command_there_is_with_options_it_has(command: list[str]) -> None:
    known = typer.main.get_command(cli.commands).commands  # type: ignore[attr-defined]
    assert command[0] in known
    options = {option for parameter in known[command[0]].params for option in parameter.opts}
    assert {word for word in command[1:] if word.startswith("--")} <= options


@pytest.mark.parametrize("manifest", [m for m in MANIFESTS if containers(m)], ids=lambda m: m["metadata"]["name"])
def test_no_container_has_more_rights_than_it_needs(manifest: dict[str, Any]) -> None:
    pod = manifest["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    for container in pod["containers"]:
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["allowPrivilegeEscalation"] is False


def test_whoever_stops_a_container_waits_longer_than_work_in_flight_may_take() -> None:
    grace_s = 25
    assert int(COMPOSE["services"]["serve"]["stop_grace_period"].removesuffix("s")) > grace_s
    pods = [m["spec"]["template"]["spec"] for m in MANIFESTS if m["kind"] == "Deployment"]
    assert all(pod["terminationGracePeriodSeconds"] > grace_s for pod in pods)


def test_the_health_check_of_the_image_and_its_user_are_what_the_product_has() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert "/health" in dockerfile
    assert re.search(r"^USER nsps$", dockerfile, re.MULTILINE)
    entry = re.search(r'^CMD \["(\w+)"', dockerfile, re.MULTILINE)
    assert entry is not None
    assert entry[1] in typer.main.get_command(cli.commands).commands  # type: ignore[attr-defined]
