"""`nsps run`: everything in one process and on one loop."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import structlog
import uvloop

from engine.assembly import Moment, Process, assemble
from engine.catalog import Catalog
from engine.clock import SystemClock
from engine.loading.load import open_project
from engine.log import set_up_log
from engine.masking import Masker
from engine.serving import listen, serving, url_of
from engine.summary import summary_lines
from engine.terminal import say

GRACE_S = 25.0
# New objects that may be part of a cycle before the collector looks: an event in flight holds hundreds, and hardly any is.
COLLECT_AFTER = 20_000

log = structlog.get_logger("nsps.run")


def run_command(project: Path, environ: Mapping[str, str], host: str, port: int) -> int:
    """Runs until a signal comes; 0 when it stopped as asked, 1 when a part of it broke.

    Raises ConfigurationRefused, WrongUse, StoreUnavailable or SchemaMismatch when it cannot start.
    """
    catalog = open_project(project, environ)
    masker = Masker(catalog.secrets)
    set_up_log(masker, level=environ.get("NSPS_LOG") or "info")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run(catalog, masker, host, port))


async def run(catalog: Catalog, masker: Masker, host: str, port: int, passing: Moment | None = None) -> int:
    """Runs until SIGTERM or SIGINT; a second one ends the process at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _asked_to_stop, stop, number)
    async with process(catalog, masker, host, port, passing) as (url, parts):
        gc.collect()
        gc.freeze()  # what is loaded now stays: no collection need look at it again
        for line in summary_lines(catalog, url, masker):
            say(line)
        sys.stdout.flush()
        settle()
        broken = asyncio.ensure_future(parts.broken.wait())
        asked = asyncio.ensure_future(stop.wait())
        await asyncio.wait([broken, asked], return_when=asyncio.FIRST_COMPLETED)
        for waiting in (broken, asked):
            waiting.cancel()
        log.info("stopping: no more is taken, what is in flight is finished")
    return 1 if parts.broken.is_set() else 0


def settle() -> None:
    """What was loaded stays: the collector never walks it again. That was a tenth of all CPU time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 10, 10)


def _asked_to_stop(stop: asyncio.Event, number: signal.Signals) -> None:
    if stop.is_set():
        os._exit(128 + number)
    stop.set()


@asynccontextmanager
async def running(
    project: Path, environ: Mapping[str, str], *, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[str]:
    """The URL of a project that runs on this loop until the block ends. Raises what `run_command` raises."""
    catalog = open_project(project, environ)
    async with process(catalog, Masker(catalog.secrets), host, port) as (url, _):
        yield url


@asynccontextmanager
async def process(
    catalog: Catalog, masker: Masker, host: str, port: int, passing: Moment | None = None
) -> AsyncIterator[tuple[str, Process]]:
    """The URL and the parts of a running process; at the end it drains, at most 25 s, and leaves the store."""
    listening = listen(host, port)
    try:
        parts = await assemble(catalog, SystemClock(), masker, passing or _unheard)
    except BaseException:
        listening.close()
        raise
    loop = asyncio.get_running_loop()
    until = [loop.time() + GRACE_S]
    try:
        await parts.start()
        async with serving(parts.receiver, listening, GRACE_S):
            yield url_of(listening), parts
            until[0] = loop.time() + GRACE_S
            await parts.stop_claiming()
    finally:
        listening.close()
        await parts.stop(max(1.0, until[0] - loop.time()))


def _unheard(_moment: str) -> None:
    """Only tests that kill the process want to know."""
