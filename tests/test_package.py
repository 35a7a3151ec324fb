"""The wheel is whole: schemas, connectors and pipelines travel inside it, and `nsps` works from any folder."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "NSPS_"))}
    return subprocess.run([*map(str, command)], cwd=cwd, env=clean, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("dist")
    built = run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", target, cwd=ROOT)
    assert built.returncode == 0, built.stderr
    return next(target.glob("*.whl"))


@pytest.fixture(scope="module")
def nsps(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `nsps` of a fresh environment that has our wheel, and this one's libraries but not this checkout."""
    home = tmp_path_factory.mktemp("fresh")
    venv.create(home, with_pip=False, symlinks=True)
    site = Path(sysconfig.get_path("purelib", "venv", vars={"base": str(home), "platbase": str(home)}))
    installed = run(
        sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--disable-pip-version-check",
        "--prefix", home, "--ignore-installed", wheel, cwd=home,
    )  # fmt: skip
    assert installed.returncode == 0, installed.stderr
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    script = home / "bin" / "nsps"
    script.write_text(f"#!{home / 'bin' / 'python'}\n" + script.read_text().split("\n", 1)[1])
    return script


def test_the_wheel_holds_the_library_and_nothing_outside_the_package(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    shipped = {name.removeprefix("engine/_shipped/") for name in names if name.startswith("engine/_shipped/")}
    assert {"nsps.yaml", "schemas/connector.schema.json", "connectors/portabilling.yaml"} <= shipped
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"engine", "cli.py"}


def test_a_project_started_in_an_empty_folder_validates_and_tests_clean(nsps: Path, tmp_path: Path) -> None:
    (tmp_path / "cli.py").write_text("raise SystemExit('the wrong cli')\n")  # a project may have files of our names
    started = run(nsps, "init", "wtl-hlr-hss", cwd=tmp_path)
    assert started.returncode == 0, started.stderr
    assert (tmp_path / "pipelines" / "wtl-hlr-hss.yaml").is_file()
    validated = run(nsps, "validate", cwd=tmp_path)
    assert (validated.returncode, validated.stderr) == (0, ""), validated.stdout
    tested = run(nsps, "test", cwd=tmp_path)
    assert tested.returncode == 0, tested.stdout
