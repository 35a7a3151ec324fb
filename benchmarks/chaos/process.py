"""Our processes as the program sees them: started, answering, killed, and how much memory they keep."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The command line of this very checkout, wherever `nsps` may be installed from.
NSPS = (sys.executable, "-c", "import sys; sys.path.insert(0, sys.argv.pop(1)); from cli import app; app()", str(ROOT))
MORTAL = (sys.executable, str(Path(__file__).with_name("mortal.py")))
READY_S = 60.0
STOP_S = 60.0


class Running:
    """One of our processes, its output in a file."""

    def __init__(self, command: Sequence[str], project: Path, environ: dict[str, str], name: str) -> None:
        self.log = project / f"{name}.log"
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(command, cwd=project, env=environ, stdout=out, stderr=out)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    async def exited(self, within_s: float = STOP_S) -> int:
        """Its exit code. Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            while (code := self.process.poll()) is None:
                await asyncio.sleep(0.01)
        return code

    async def kill(self) -> None:
        self.abort()
        await self.exited()

    def abort(self) -> None:
        if self.alive:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()


async def ready(running: Running, port: int) -> None:
    """Returns when it answers. Raises RuntimeError when it ended instead, TimeoutError."""
    async with asyncio.timeout(READY_S):
        while not await asyncio.to_thread(answers, port):
            if not running.alive:
                raise RuntimeError(f"it ended instead of starting: {running.log.read_text()[-800:]}")
            await asyncio.sleep(0.02)


def answers(port: int, path: str = "/ready") -> bool:
    """Whether something answers 200 there."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2):
            return True
    except OSError:
        return False


def children(pid: int) -> list[int]:
    """The workers of a supervisor."""
    try:
        pids = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(child) for child in pids if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]
    except FileNotFoundError:  # one of them ended just now
        return []


def dead(pid: int) -> bool:
    """Whether the process has ended, reaped or not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True
