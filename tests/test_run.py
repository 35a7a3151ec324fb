"""A process starts, says what it runs, and stops; what it cannot do it says with what to do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.errors import WrongUse
from engine.loading.load import open_project
from engine.masking import Masker
from engine.run import opened, running
from engine.serving import listen, url_of
from engine.summary import summary_lines
from tests.target import NSPS, PIPELINE, SECRETS, write_project

ENVIRON = {**SECRETS, "TARGET_URL": "http://127.0.0.1:1"}


def test_a_port_that_is_taken_is_said_with_what_to_do() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(WrongUse, match=rf"cannot listen at 127.0.0.1:{port}: .*--port"):
            listen("127.0.0.1", port)


def test_the_address_is_one_that_can_be_opened() -> None:
    with listen("127.0.0.1", 0) as listening:
        assert url_of(listening) == f"http://127.0.0.1:{listening.getsockname()[1]}"


async def test_a_queue_whose_address_cannot_be_read_refuses_the_start_and_a_server_that_is_away_does_not(
    tmp_path: Path,
) -> None:
    project = write_project(tmp_path / "project", NSPS + "queue: ${NSPS_QUEUE}\n")
    with pytest.raises(WrongUse, match="queue: its address"):
        async with running(project, {**ENVIRON, "NSPS_QUEUE": "redis://host:port"}):
            pass
    async with running(project, {**ENVIRON, "NSPS_QUEUE": "redis://127.0.0.1:1"}) as url:
        assert url


def test_the_summary_says_what_is_on_and_what_is_off_and_why_without_secrets(tmp_path: Path) -> None:
    needy = (NSPS + "queue: ${NSPS_QUEUE}\n").replace("  nsps:\n", "  nsps:\n    needs: [SOME_TOKEN]\n")
    project = write_project(tmp_path / "project", needy, PIPELINE.replace("events:", "needs: [MISSING]\nevents:"))
    environ = {
        **ENVIRON,
        "NSPS_STORE": "sqlite:///pass-word-1.db",
        "NSPS_QUEUE": "redis://user:hidden@word@host?password=other-word",
    }
    connector = project / "connectors" / "target.yaml"
    connector.write_text(
        connector.read_text() + 'windows: [{days: [sun], from: "02:00", to: "04:00", zone: Europe/Kyiv}]\n'
    )
    lines = list(summary_lines(open_project(project, environ), Masker(["pass-word-1"]), "all", "http://h:1"))
    told = "\n".join(lines)
    assert "not called target: sun 02:00-04:00 Europe/Kyiv" in told
    assert "NSPS runs test" in told
    assert "POST http://h:1/espf from ESPF" in told
    assert "as a connector of NSPS: off, " in told and "SOME_TOKEN" in told
    assert "main: off, " in told and "MISSING" in told
    assert "Listening at http://h:1" in told
    assert "pass-word-1" not in told
    assert "redis://***@host\n" in told and "word@" not in told


def test_a_log_level_that_is_none_is_refused_with_those_there_are(tmp_path: Path) -> None:
    project = write_project(tmp_path / "project")
    with pytest.raises(WrongUse, match="NSPS_LOG: 'loud' is no log level; there are debug, info, warning, error"):
        opened(project, {**ENVIRON, "NSPS_LOG": "loud"}, None)


def test_a_start_to_which_nobody_can_send_says_so(tmp_path: Path) -> None:
    needy = NSPS.replace("  espf:\n", "  espf:\n    needs: [ONE]\n").replace(
        "  nsps:\n", "  nsps:\n    needs: [OTHER]\n"
    )
    project = write_project(tmp_path / "project", needy)
    told = "\n".join(summary_lines(open_project(project, ENVIRON), Masker(), "all", "http://h:1"))
    assert "receives   nothing: nobody can send events until a receiver is on" in told


def test_the_command_runs_until_sigterm_and_ends_with_0(tmp_path: Path) -> None:
    project = write_project(tmp_path / "project")
    child = Path(__file__).with_name("child.py")
    command = [sys.executable, str(child), str(project), "0"]
    with subprocess.Popen(
        command, env={**os.environ, **ENVIRON}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        said = [process.stdout.readline().decode()]
        while not said[-1].startswith("Listening at http://127.0.0.1:"):
            assert said[-1], "it ended before it listened"
            said.append(process.stdout.readline().decode())
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert said[0] == "NSPS runs test\n"
