"""Another configuration without a restart: whole or not at all, each attempt with exactly one, nothing lost between them."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from engine.loading.load import open_project
from engine.watching import look, secret_files
from tests.reloading import Project
from tests.running import until, whole
from tests.target import CONNECTOR, NSPS, PIPELINE, SECRETS, write_project
from tests.test_survival import system
from tests.test_survival import until as until_else
from tests.test_worker import LOGIN

OTHER = PIPELINE.replace("pipeline: main", "pipeline: other").replace('"SIM/*"', '"Other/*"')


@pytest.fixture
async def project(tmp_path: Path) -> AsyncIterator[Project]:
    async with whole(tmp_path / "project") as running:
        yield Project(running, tmp_path / "project")


def marked(text: str, mark: Any) -> str:
    """The pipeline, sending `mark`."""
    return text.replace("value?: data.variables.i_event", f"value?: \"'{mark}'\"")


async def test_what_arrives_after_a_change_is_mapped_by_it_and_names_its_configuration(project: Project) -> None:
    before = project.parts.catalog.hash
    project.write("pipelines/main.yaml", marked(PIPELINE, "new"))
    with capture_logs() as logs:
        assert await project.reload.now()
    (line,) = [one for one in logs if one["event"] == "runs another configuration from now on"]
    after = project.parts.catalog.hash
    assert (line["old"], line["new"], line["pipelines"]) == (before[:12], after[:12], "changed main")
    assert "connectors" not in line and "settings" not in line
    await project.running.espf(1)
    await project.running.settled("1", "delivered")
    assert project.running.target.requests == [{"key": "1", "value": "new"}]
    assert await project.configuration_of("1") == after
    assert await project.parts.store.snapshot_of(after) == dict(project.parts.catalog.files)
    assert [owner.config_hash for owner, _ in await project.parts.store.owners()] == [after]


async def test_an_attempt_under_way_ends_with_the_configuration_it_began_with(project: Project) -> None:
    old = project.parts.catalog.hash
    project.running.target.answers = ["hang"]
    await project.running.espf(1)
    await project.running.target.came.wait()
    project.write("connectors/target.yaml", CONNECTOR.replace("path: /put", "path: /other"))
    project.write("pipelines/main.yaml", marked(PIPELINE, "new"))
    assert await project.reload.now()
    assert len(project.parts.generations) == 2, "the old one's connections stay open while it is needed"
    await project.running.espf(2)
    await project.running.settled("2", "delivered")
    project.running.target.let_go.set()
    await project.running.settled("1", "delivered")
    assert await project.configuration_of("1") == old
    assert await project.configuration_of("2") == project.parts.catalog.hash
    await until(lambda: len(project.parts.generations) == 1)


async def test_a_configuration_with_an_error_changes_nothing_and_status_says_why(project: Project) -> None:
    before = project.parts.catalog
    project.write("connectors/target.yaml", CONNECTOR.replace("path: /put", "path: /other"))
    project.write("pipelines/main.yaml", PIPELINE.replace("target.put", "target.putt"))
    with capture_logs() as logs:
        assert not await project.reload.now()
    (line,) = [one for one in logs if "is refused" in one["event"]]
    assert "pipelines/main.yaml:12:18" in line["why"]
    assert project.parts.catalog is before
    await project.running.espf(1)
    await project.running.settled("1", "delivered")
    ((owner, _),) = await project.parts.store.owners()
    assert owner.config_hash == before.hash
    assert "pipelines/main.yaml:12:18" in owner.refused
    project.write("pipelines/main.yaml", PIPELINE)
    assert "refuses what its folder holds now: pipelines/main.yaml:12:18" in await project.told()
    assert await project.reload.now()
    assert "refuses" not in await project.told()


async def test_going_back_to_what_runs_takes_the_refusal_away(project: Project) -> None:
    project.write("pipelines/main.yaml", "pipeline: [")
    assert not await project.reload.now()
    project.write("pipelines/main.yaml", PIPELINE)
    assert not await project.reload.now(), "it runs already"
    ((owner, _),) = await project.parts.store.owners()
    assert owner.refused == ""


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ("instance: test", "instance: another", "`instance`"),
        ("sqlite:///var/nsps.db", "sqlite:///var/other.db", "`store`"),
    ],
)
async def test_what_a_process_is_built_on_needs_a_restart_and_nothing_of_the_change_is_taken(
    project: Project, old: str, new: str, names: str
) -> None:
    project.write("pipelines/main.yaml", marked(PIPELINE, "new"))
    project.write("nsps.yaml", NSPS.replace(old, new))
    assert not await project.reload.now()
    ((owner, _),) = await project.parts.store.owners()
    assert owner.refused == f"nsps.yaml: another {names} needs a restart; until then nothing of the change is taken"
    await project.running.espf(1)
    await project.running.settled("1", "delivered")
    assert project.running.target.requests == [{"key": "1", "value": 1}]


async def test_a_folder_that_lost_all_its_pipelines_is_not_taken(project: Project) -> None:
    (project.folder / "pipelines" / "main.yaml").unlink()
    assert not await project.reload.now()
    await project.running.espf(1)
    await project.running.settled("1", "delivered")


async def test_a_pipeline_that_is_removed_keeps_its_deliveries_waiting_and_its_return_sends_them(
    project: Project,
) -> None:
    project.write("pipelines/other.yaml", OTHER)
    assert await project.reload.now()
    project.running.target.answers = [503] * 3
    await project.running.espf(1)
    await until(lambda: len(project.running.target.requests) >= 1)
    (project.folder / "pipelines" / "main.yaml").unlink()
    assert await project.reload.now()
    await until(lambda: len(project.parts.generations) == 1)
    sent = len(project.running.target.requests)
    assert await project.running.states("1") == ["waiting"]
    assert project.parts.holds.why_not("main") == "pipeline main is unknown here"
    assert "1 delivery waits: pipeline main is unknown here" in await project.told()
    await project.parts.sweep.look()
    assert len(project.running.target.requests) == sent
    project.write("pipelines/main.yaml", PIPELINE)
    assert await project.reload.now()
    await project.running.settled("1", "delivered")


async def test_an_unchanged_connector_keeps_its_session_and_a_changed_one_logs_in_anew(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    async with whole(folder, connector=LOGIN, TARGET_PASSWORD="right-password") as running:
        project, logins = Project(running, folder), {"password": "right-password"}
        running.target.answers = [{"id": "s"}]
        await running.espf(1)
        await running.settled("1", "delivered")
        project.write("pipelines/main.yaml", marked(PIPELINE, "new"))
        assert await project.reload.now()
        await running.espf(2)
        await running.settled("2", "delivered")
        assert running.target.requests.count(logins) == 1
        project.write("connectors/target.yaml", LOGIN.replace("timeout: 5s", "timeout: 6s"))
        running.target.answers = [{"id": "t"}]
        assert await project.reload.now()
        await running.espf(3)
        await running.settled("3", "delivered")
        assert running.target.requests.count(logins) == 2


async def test_a_corrected_credential_in_a_file_lifts_the_hold_and_sends_what_waited(tmp_path: Path) -> None:
    folder, secret = tmp_path / "project", tmp_path / "password"
    secret.write_text("wrong-password\n")
    async with whole(folder, connector=LOGIN, TARGET_PASSWORD_FILE=str(secret)) as running:
        project = Project(running, folder)
        running.target.answers = [400, {"id": "s"}]
        await running.espf(1)
        await until(lambda: running.parts.holds.why_not("main"))
        assert not await project.reload.now(), "nothing changed"
        secret.write_text("right-password\n")
        with capture_logs() as logs:
            assert await project.reload.now()
        assert [one["connectors"] for one in logs if "connectors" in one] == ["changed target"]
        assert "right-password" not in str(logs)
        await running.settled("1", "delivered")
        assert running.target.requests[1] == {"password": "right-password"}
        assert await running.parts.store.holds() == []


async def test_receivers_take_the_new_credentials_and_refuse_the_old(tmp_path: Path) -> None:
    folder, secret = tmp_path / "project", tmp_path / "password"
    secret.write_text("pass-word-1")
    async with whole(folder, ESPF_PASSWORD="", ESPF_PASSWORD_FILE=str(secret)) as running:
        project = Project(running, folder)
        assert (await running.espf(1)).status_code == 200
        secret.write_text("pass-word-2")
        assert await project.reload.now()
        assert (await running.espf(2)).status_code == 401
        event = {"event_type": "SIM/Updated", "variables": {"i_event": 3, "i_account": 3}}
        answer = await running.client.post(f"{running.url}/espf", json=event, auth=("espf", "pass-word-2"))
        assert answer.status_code == 200


async def test_fifty_swaps_under_load_process_each_delivery_once_by_exactly_one_configuration(
    project: Project,
) -> None:
    running, marks, posted = project.running, {project.parts.catalog.hash: "0"}, 0
    project.write("pipelines/main.yaml", marked(PIPELINE, "0"))
    await project.reload.now()
    marks = {project.parts.catalog.hash: "0"}
    stop = asyncio.Event()

    async def load(lane: int) -> int:
        sent = 0
        while not stop.is_set():
            number = lane * 100_000 + sent
            answer = await running.espf(number, i_account=number)
            assert answer.status_code == 200
            sent += 1
        return sent

    loads = [asyncio.create_task(load(lane)) for lane in range(1, 5)]
    for swap in range(1, 51):
        project.write("pipelines/main.yaml", marked(PIPELINE, str(swap)))
        if swap % 5 == 0:
            project.write("connectors/target.yaml", CONNECTOR + f"# {swap}\n")
        assert await project.reload.now()
        marks[project.parts.catalog.hash] = str(swap)
    stop.set()
    posted = sum([await one for one in loads])
    await until(lambda: len(running.target.requests) >= posted, within_s=30)

    async def all_ended() -> bool:
        counts = (await running.parts.store.counts())["deliveries"]["main"]
        return counts.get("delivered", 0) == posted and not counts.get("waiting") and not counts.get("running")

    await until(all_ended)
    assert len(running.target.requests) == posted, "each delivery is sent once"
    sent = {request["key"]: request["value"] for request in running.target.requests}
    used = set()
    for key, mark in sent.items():
        named = await project.configuration_of(key)
        assert marks[named] == mark, "what was sent is what the named configuration says"
        used.add(named)
    assert len(used) > 10
    await until(lambda: len(project.parts.generations) == 1)


async def test_the_running_process_takes_changed_files_by_itself_and_looks_at_once_on_sighup(tmp_path: Path) -> None:
    async with system(tmp_path) as (child, _):
        await child.start()
        pipeline = child.project / "pipelines" / "main.yaml"
        pipeline.write_text(pipeline.read_text() + "# changed\n")
        await until_else(lambda: "runs another configuration" in child.log, f"it saw nothing: {child.log}")
        assert child.process is not None
        os.kill(child.process.pid, signal.SIGHUP)
        await until_else(lambda: "is the one that runs already" in child.log, f"it did not look: {child.log}")
        assert await child.terminate() == 0


def test_a_secret_behind_a_link_that_is_swapped_is_seen(tmp_path: Path) -> None:
    """Kubernetes mounts secrets as links into a folder that is itself a link, and swaps that one."""
    folder = write_project(tmp_path / "project")
    for version in ("one", "two"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "password").write_text(f"word-{version}")
    (tmp_path / "data").symlink_to("one")
    (tmp_path / "password").symlink_to("data/password")
    environ = {
        **SECRETS,
        "ESPF_PASSWORD": "",
        "ESPF_PASSWORD_FILE": str(tmp_path / "password"),
        "TARGET_URL": "http://a",
    }
    catalog = open_project(folder, environ)
    secrets = secret_files(catalog.files, environ, catalog)
    assert secrets == (tmp_path / "password",)
    before = look(folder, secrets)
    assert look(folder, secrets) == before
    (tmp_path / "next").symlink_to("two")
    (tmp_path / "next").rename(tmp_path / "data")
    assert look(folder, secrets) != before
