"""The documentation is true: its files load, its tests pass, what it names exists, and what exists is named."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
import typer.main
from typer.core import TyperGroup, TyperOption

import cli
from engine.authoring.reference import written
from engine.authoring.testing import run_cases
from engine.loading.codes import codes
from engine.loading.load import load_project
from engine.management.desk import open_desk
from engine.run import running
from engine.storage.protocol import EventFilter
from tests.pages import PAGES, ROOT, Fence, fences, nsps_lines, project
from tests.ports import free_port

README = ROOT / "README.md"
SHIPPED = [ROOT / "nsps.yaml", *sorted(ROOT.glob("connectors/*.yaml")), *sorted(ROOT.glob("pipelines/*.yaml"))]
EVERY_PAGE = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
WITH_PROJECT = pytest.mark.parametrize(
    "page", [page for page in PAGES if fences(page, "yaml")], ids=lambda page: page.name
)


@EVERY_PAGE
def test_what_is_written_from_the_code_is_up_to_date(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert written(text) == text, "run `make docs`"


@EVERY_PAGE
def test_every_yaml_says_which_file_it_is(page: Path) -> None:
    assert [fence.text for fence in fences(page, "yaml") if fence.file is None] == []


@WITH_PROJECT
def test_the_files_of_a_page_make_a_project_without_problem_or_warning(page: Path, tmp_path: Path) -> None:
    loaded = load_project(project(page, tmp_path), {}, placeholders=True)
    assert [f"{problem.place}: {problem.message}" for problem in loaded.problems] == []


@WITH_PROJECT
def test_the_tests_a_page_shows_pass(page: Path, tmp_path: Path) -> None:
    loaded = load_project(project(page, tmp_path), {}, placeholders=True)
    assert loaded.catalog is not None
    results = list(run_cases(loaded.catalog, loaded.tests, ""))
    assert [(result.case.name, result.differences) for result in results if not result.passed] == []


def test_the_guide_and_the_readme_show_tests_of_what_they_teach(tmp_path: Path) -> None:
    for page, least in ((README, 3), (ROOT / "docs/language.md", 7)):
        loaded = load_project(project(page, tmp_path / page.stem), {}, placeholders=True)
        assert loaded.catalog is not None
        assert len(list(run_cases(loaded.catalog, loaded.tests, ""))) >= least


def test_the_readme_shows_what_the_commands_print(tmp_path: Path) -> None:
    """Its files are written as they come up on the page, its commands that need no running NSPS are run."""
    compared = 0
    for fence in fences(README):
        if fence.file is not None:
            (tmp_path / fence.file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / fence.file).write_text(fence.text, encoding="utf-8")
        for line, shown in _shown(fence) if fence.language == "console" else ():
            if line.startswith("echo "):
                subprocess.run(line, shell=True, cwd=tmp_path, check=True)
            elif shown and line.split()[1] in ("init", "validate", "test", "dry-run"):
                assert _without_times(_printed(tmp_path, *line.split()[1:])) == _without_times(shown), line
                compared += 1
        if fence.text.startswith("error[NSPS209]"):
            file = tmp_path / "connectors/iptv.yaml"
            right = file.read_text(encoding="utf-8")
            file.write_text(right.replace("args.active", "args.activ"), encoding="utf-8")
            assert fence.text in _printed(tmp_path, "validate")
            file.write_text(right, encoding="utf-8")
            compared += 1
    assert compared == 5


def _shown(fence: Fence) -> list[tuple[str, str]]:
    """Each command of a fence with what the page says it prints."""
    parts = re.split(r"^\$ (.*)\n", fence.text, flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2], strict=True))


def _printed(folder: Path, *words: str) -> str:
    nsps = Path(sys.executable).with_name("nsps")
    environ = {"PATH": "/usr/bin:/bin", "NSPS_PROJECT": str(folder)}
    done = subprocess.run([nsps, *words], cwd=folder, env=environ, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.stdout.replace(f"{folder}/", "")


def _without_times(text: str) -> str:
    return re.sub(r" in [0-9.]+ (ms|s)$", "", text, flags=re.MULTILINE).strip()


async def test_who_follows_the_readme_sees_what_it_shows(tmp_path: Path) -> None:
    """Its pretend systems, its variables and its event, on free ports: down the first time, as the page says."""
    folder, environ = project(README, tmp_path), _exported()
    port = free_port()
    script = (folder / "pretend.py").read_text().replace("9000", str(port))
    environ = {name: value.replace("9000", str(port)) for name, value in environ.items()}
    pretend = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await _listening(port)
        async with running(folder, environ) as url, httpx2.AsyncClient() as client:
            answer = await client.post(f"{url}/espf", json=_echoed(), auth=("espf", environ["ESPF_PASSWORD"]))
            assert (answer.status_code, answer.json()["pipelines"]) == (200, ["iptv"])
            assert pretend.stdout is not None
            heard = [(await pretend.stdout.readline()).decode() for _ in range(3)]
            assert heard[2] == '503 PUT /subscribers/15550100042 {"active":true,"email":"jane@example.com"}\n'
        async with open_desk(folder, environ) as desk:
            (event,) = await desk.store.events(EventFilter(find="15550100042"))
            assert event.deliveries[0].reason == 'HTTP 503 from iptv.set_subscriber: {"saved": false}'
    finally:
        pretend.kill()
        await pretend.wait()


def _exported() -> dict[str, str]:
    lines = "\n".join(fence.text for fence in fences(README, "console"))
    pairs = [word for line in re.findall(r"^\$ export (.*)$", lines, re.MULTILINE) for word in line.split()]
    return dict(pair.split("=", 1) for pair in pairs if not pair.startswith("PATH="))


def _echoed() -> dict[str, object]:
    lines = "\n".join(fence.text for fence in fences(README, "console"))
    found = re.search(r"^\$ echo '(.*)' > event\.json$", lines, re.MULTILINE)
    assert found is not None
    event: dict[str, object] = json.loads(found[1])
    return event


async def _listening(port: int) -> None:
    for _ in range(500):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.02)
            continue
        writer.close()
        return
    raise AssertionError("the pretend systems of the README did not start")


def _commands() -> dict[str, set[str]]:
    """Each command, `refused admit` too, with its options."""
    top = typer.main.get_command(cli.commands)
    assert isinstance(top, TyperGroup)
    found: dict[str, set[str]] = {}
    for name, command in top.commands.items():
        found[name] = _options(command)
        for sub, inner in getattr(command, "commands", {}).items():
            found[f"{name} {sub}"] = _options(inner)
    return found


def _options(command: object) -> set[str]:
    return {name for one in getattr(command, "params", ()) if isinstance(one, TyperOption) for name in one.opts}


@pytest.mark.parametrize("page", [*PAGES, *SHIPPED], ids=lambda page: page.name)
def test_every_command_and_option_that_is_named_exists(page: Path) -> None:
    commands = _commands()
    wrong = []
    for line in nsps_lines(page):
        words = line.split()[1:]
        name = " ".join(words[:2]) if " ".join(words[:2]) in commands else words[0]
        options = {word.split("=")[0] for word in words if re.match(r"--?[a-zA-Z]", word)} - {"--help"}
        if name not in commands or not options <= commands[name]:
            wrong.append(line)
    assert wrong == []


def test_every_command_and_option_is_documented() -> None:
    text = (ROOT / "docs/commands.md").read_text(encoding="utf-8")
    sections = {part.split("`")[0]: part for part in text.split("\n## `nsps ")[1:]}
    commands = _commands()
    assert sorted(sections) == sorted(commands)
    missing = [
        f"{name} {one}" for name, options in commands.items() for one in options if f"`{one}" not in sections[name]
    ]
    assert missing == []


@EVERY_PAGE
def test_every_code_that_is_named_exists(page: Path) -> None:
    named = set(re.findall(r"\bNSPS[0-9]{3}\b", page.read_text(encoding="utf-8")))
    assert named - set(codes()) == set()


@EVERY_PAGE
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        there = (page.parent / path).resolve() if path else page
        if not there.exists() or (anchor and anchor not in _anchors(there)):
            broken.append(target)
    assert broken == []


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@EVERY_PAGE
def test_every_test_that_is_named_as_proof_exists(page: Path) -> None:
    missing = []
    for path, name in re.findall(r"(tests/[\w/]+\.py)::(test_\w+)", page.read_text(encoding="utf-8")):
        file = ROOT / path
        if not file.is_file() or not re.search(rf"def {name}\(", file.read_text(encoding="utf-8")):
            missing.append(f"{path}::{name}")
    assert missing == []


@EVERY_PAGE
def test_every_file_of_ours_that_is_named_exists(page: Path) -> None:
    """In backticks, with a folder of the repository before it."""
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"`((?:engine|tests|schemas|benchmarks)/[\w./-]*|cli\.py|Makefile|Dockerfile)(?:::\w+)?`", text)
    assert [name for name in named if not (ROOT / name).exists()] == []


@EVERY_PAGE
def test_every_row_of_a_table_has_the_cells_of_its_head(page: Path) -> None:
    odd, wanted = [], 0
    for line in page.read_text(encoding="utf-8").splitlines():
        cells = line.replace("\\|", "").count("|") if line.startswith("|") else 0
        if cells and wanted and cells != wanted:
            odd.append(line)
        wanted = cells
    assert odd == []


def test_every_page_is_reached_from_the_readme() -> None:
    text = README.read_text(encoding="utf-8")
    paths = [page.relative_to(ROOT).as_posix() for page in PAGES if page != README]
    assert [path for path in paths if f"({path})" not in text] == []
