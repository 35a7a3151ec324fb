"""A process from start to stop: `nsps run` does everything, `nsps serve` receives, each of `nsps worker` delivers."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path

import structlog
import uvloop

from engine.assembly import Moment, assemble
from engine.catalog import Catalog
from engine.clock import SystemClock
from engine.errors import WrongUse
from engine.loading.load import open_project
from engine.log import level_of, set_up_log
from engine.masking import Masker
from engine.process import Part, Process
from engine.reload import Reload
from engine.serving import listen, serving, url_of
from engine.settings import Settings
from engine.summary import summary_lines
from engine.terminal import say

GRACE_S = 25.0
# New objects that may be part of a cycle before the collector looks: an event in flight holds hundreds, and hardly any is.
COLLECT_AFTER = 20_000

log = structlog.get_logger("nsps.run")


def run_command(project: Path, environ: Mapping[str, str], host: str, port: int, part: Part = "all") -> int:
    """Receives, and with `all` delivers, until a signal comes; 0 when it stopped as asked, 1 when a part of it broke.

    Raises ConfigurationRefused, WrongUse, StoreUnavailable or SchemaMismatch when it cannot start.
    """
    catalog, masker = opened(project, environ, shared_by="nsps serve" if part == "receiver" else None)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run(catalog, masker, host, port, environ=environ, part=part))


def work_command(project: Path, environ: Mapping[str, str], gone: int | None = None) -> int:
    """Delivers, as one process, until a signal comes or the file descriptor `gone` says that the supervisor is no more.

    Returns and raises what `run_command` does.
    """
    catalog, masker = opened(project, environ, shared_by="nsps worker")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work(catalog, masker, environ=environ, gone=gone))


def opened(project: Path, environ: Mapping[str, str], shared_by: str | None) -> tuple[Catalog, Masker]:
    """The configuration, with the log set up for it. `shared_by`: the command whose store and queue others use, too.

    Raises ConfigurationRefused; WrongUse where store or queue are for one process alone.
    """
    catalog = open_project(project, environ)
    masker = Masker(catalog.secrets)
    set_up_log(masker, level=level_of(environ.get("NSPS_LOG", "")))
    if shared_by is not None:
        _refuse_what_is_for_one_process(catalog.settings, shared_by)
    return catalog, masker


def _refuse_what_is_for_one_process(settings: Settings, command: str) -> None:
    if settings.store.startswith("sqlite:"):
        raise WrongUse(
            f"{command} shares its store with other processes, and SQLite is for one: set NSPS_STORE=postgresql://USER@HOST/NAME"
            " (`store:` in nsps.yaml), or start `nsps run`, which receives and delivers in one process"
        )
    if settings.queue == "embedded":
        raise WrongUse(
            f"{command} shares its queue with other processes, and the embedded one is for one: set"
            " NSPS_QUEUE=redis://HOST:6379/0 or amqp://HOST (`queue:` in nsps.yaml), or start `nsps run`"
        )


async def run(  # noqa: PLR0913, PLR0917 - what a process is started with
    catalog: Catalog,
    masker: Masker,
    host: str,
    port: int,
    passing: Moment | None = None,
    environ: Mapping[str, str] | None = None,
    part: Part = "all",
) -> int:
    """Runs until SIGTERM or SIGINT; a second one ends the process at once. With `environ`, takes other configurations."""
    stop = stop_on_signals()
    async with process(catalog, masker, host, port, passing, part) as (url, parts):
        for line in summary_lines(catalog, masker, part, url):
            say(line)
        sys.stdout.flush()
        return await until_stopped(parts, stop, environ)


async def work(
    catalog: Catalog,
    masker: Masker,
    passing: Moment | None = None,
    environ: Mapping[str, str] | None = None,
    gone: int | None = None,
) -> int:
    """Delivers until a signal comes, or until `gone` can be read: the supervisor's end of it is closed."""
    stop = stop_on_signals(supervised=gone is not None)
    if gone is not None:
        asyncio.get_running_loop().add_reader(gone, _supervisor_is_gone, stop, gone)
    async with draining(catalog, masker, passing, "worker") as parts:
        await parts.start()
        log.info("delivers", owner=parts.heartbeat.owner.id)
        return await until_stopped(parts, stop, environ)


async def until_stopped(parts: Process, stop: asyncio.Event, environ: Mapping[str, str] | None) -> int:
    """Returns when `stop` is set (0) or a part broke (1)."""
    settle()
    if environ is not None:
        watch(parts, environ, settle)
    broken = asyncio.ensure_future(parts.broken.wait())
    asked = asyncio.ensure_future(stop.wait())
    await asyncio.wait([broken, asked], return_when=asyncio.FIRST_COMPLETED)
    for waiting in (broken, asked):
        waiting.cancel()
    log.info("stopping: no more is taken, what is in flight is finished")
    return 1 if parts.broken.is_set() else 0


def stop_on_signals(*, supervised: bool = False) -> asyncio.Event:
    """Set by SIGTERM or SIGINT; a second one ends the process at once.

    Not a supervised one: systemd tells every process of a service, then its supervisor tells it again. That one kills, when
    it is told twice itself.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, _asked_to_stop, stop, number, supervised)
    return stop


def _supervisor_is_gone(stop: asyncio.Event, gone: int) -> None:
    asyncio.get_running_loop().remove_reader(gone)
    log.warning("the supervisor of this worker is gone: it stops")
    stop.set()


def watch(parts: Process, environ: Mapping[str, str], settle: Callable[[], None]) -> None:
    """Takes what changes in the project's folder, and looks at once when SIGHUP comes."""
    reload = Reload(parts, environ, settle)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload.ask)
    parts.also(reload.run(), "reload")


def settle() -> None:
    """What was loaded stays: the collector never walks it again. That was a tenth of all CPU time."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 10, 10)


def _asked_to_stop(stop: asyncio.Event, number: signal.Signals, supervised: bool) -> None:
    if stop.is_set() and not supervised:
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
    catalog: Catalog, masker: Masker, host: str, port: int, passing: Moment | None = None, part: Part = "all"
) -> AsyncIterator[tuple[str, Process]]:
    """The URL and the parts of a running process; at the end it drains, at most 25 s, and leaves the store."""
    with closing(listen(host, port)) as listening:
        async with draining(catalog, masker, passing, part) as parts:
            await parts.start()
            async with serving(parts.receiver, listening, GRACE_S):
                yield url_of(listening), parts
                parts.begin_to_stop()
                await parts.stop_claiming()


@asynccontextmanager
async def draining(catalog: Catalog, masker: Masker, passing: Moment | None, part: Part) -> AsyncIterator[Process]:
    """The parts of a process, not yet started; at the end they finish what is in flight, at most 25 s after it began to stop."""
    parts = await assemble(catalog, SystemClock(), masker, passing or _unheard, part)
    try:
        yield parts
    finally:
        await parts.stop(GRACE_S)


def _unheard(_moment: str) -> None:
    """Only tests that kill the process want to know."""
