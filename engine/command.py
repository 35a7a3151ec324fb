"""How every command ends: errors as messages, never a traceback; exit codes 0 done, 1 problems, 2 wrong use."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import traceback
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import orjson

from engine.authoring.report import render_report
from engine.errors import ConfigurationRefused, NspsError, SchemaMismatch, StoreUnavailable, WrongUse
from engine.log import set_up_log
from engine.masking import Masker
from engine.terminal import ReaderGone, say, state

T = TypeVar("T")

INTERRUPTED = 130  # Ctrl-C, as shells have it


def ending_well(commands: Callable[[], Any]) -> None:
    """Runs the command line; exits with its code. An error of any kind is a message, never a traceback."""
    try:
        set_up_log(Masker(), level="CRITICAL")  # commands say what they did; `nsps run` sets up its own log
        commands()
    except ConfigurationRefused as refused:
        say(render_report(refused.problems, refused.texts, "text", colour=sys.stderr.isatty()), error=True)
        sys.exit(1)
    except (WrongUse, SchemaMismatch, StoreUnavailable) as wrong:
        say(f"{state('failed', 'nsps')}: {wrong}", error=True)
        sys.exit(2)
    except NspsError as error:
        say(f"{state('failed', 'nsps')}: {error}", error=True)
        sys.exit(1)
    except ReaderGone:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        say(f"{state('failed', 'nsps')}: {where}{error.strerror or error}", error=True)
        sys.exit(2)
    except Exception as bug:  # noqa: BLE001 - the last door before the keyboard
        _tell_of(bug)
        sys.exit(1)


def at_the_keyboard(commands: Callable[[], Any]) -> NoReturn:
    """`ending_well` for a process of its own, which then ends at once.

    An interpreter that takes itself down in order waits for every thread, and is aborted (SIGABRT) when one that is none of
    its own comes back to it just then.
    """
    try:
        ending_well(commands)
        code: Any = 0
    except SystemExit as end:
        code = end.code
    with suppress(OSError, ValueError):  # nobody reads any more
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


def _tell_of(bug: Exception) -> None:
    last = traceback.extract_tb(bug.__traceback__)[-1]
    where = f"{Path(last.filename).name}:{last.lineno}"
    say(f"{state('failed', 'nsps')}: an error of ours, {type(bug).__name__} at {where}: {bug}", error=True)
    if os.environ.get("NSPS_TRACEBACK"):
        say(traceback.format_exc(), error=True)
    else:
        say("please report it with what NSPS_TRACEBACK=1 prints before the same command", error=True)


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """What the coroutine returns."""
    return asyncio.run(work)


def print_json(value: Any) -> None:
    """One JSON document on standard output, instants as ISO 8601."""
    try:
        say(orjson.dumps(value, default=_plain, option=orjson.OPT_INDENT_2).decode())
    except TypeError:  # an integer beyond 64 bits, a lone surrogate: the exact, slower writer
        say(json.dumps(value, default=_plain, ensure_ascii=False, indent=2))


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)


def print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        say(line)


def parse_since(text: str | None, now: datetime) -> datetime | None:
    """`2h`, `3d` before now, or an ISO 8601 instant. Raises WrongUse with examples."""
    from datetime import UTC, timedelta

    from engine.loading.durations import parse_duration

    if text is None:
        return None
    seconds = parse_duration(text)
    if seconds is not None:
        return now - timedelta(seconds=seconds)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUse(
            f"--since {text}: write a duration such as 2h or 3d, or an instant such as 2026-11-23T06:00:00Z"
        ) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
