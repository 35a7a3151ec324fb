"""What operators see: one line for each thing that happened, as JSON for machines or plain for a terminal, always masked.

Lines about a delivery carry event_id, delivery, pipeline, attempt and trace_id. Libraries that log (uvicorn, Dramatiq) come out
of the same end.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Literal, TextIO

import orjson
import structlog

from engine.control_characters import neutral
from engine.errors import WrongUse
from engine.masking import Masker

Form = Literal["json", "console"]


LEVELS = ("debug", "info", "warning", "error")


def level_of(text: str) -> str:
    """The level that NSPS_LOG names; info where it is not set. Raises WrongUse for any other word."""
    level = text.strip().upper() or "INFO"
    if level not in logging.getLevelNamesMapping():  # it knows WARN and CRITICAL, too
        raise WrongUse(f"NSPS_LOG: {text!r} is no log level; there are {', '.join(LEVELS)}")
    return level


def set_up_log(masker: Masker, form: Form | None = None, level: str = "INFO", stream: TextIO | None = None) -> None:
    """Sends every line, ours and the libraries', to `stream` (standard error): JSON unless that is a terminal."""
    stream = stream or sys.stderr
    form = form or ("console" if stream.isatty() else "json")
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    ]
    last = _last(form, stream, masker)
    structlog.configure(
        processors=[*shared[:2], shared[3], *last],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    _redirect_libraries(shared, last, stream, number)


def _last(form: Form, stream: TextIO, masker: Masker) -> list[Any]:
    mask = _Mask(masker)
    if form == "console":
        return [
            structlog.processors.format_exc_info,
            mask,
            _neutral_line,
            structlog.dev.ConsoleRenderer(colors=stream.isatty()),
        ]
    # "event" is a word of the domain: what happened is the message.
    name = structlog.processors.EventRenamer("message")
    write = structlog.processors.JSONRenderer(serializer=_written)
    return [structlog.processors.format_exc_info, mask, name, write]


def _redirect_libraries(shared: list[Any], last: list[Any], stream: TextIO, level: int) -> None:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last]
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING))
    for name in ("uvicorn", "uvicorn.error", "dramatiq"):
        library = logging.getLogger(name)
        library.handlers[:] = []
        library.propagate = True


def _neutral_line(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """What others said must not command the terminal; JSON escapes such characters by itself."""
    return {name: neutral(value) if isinstance(value, str) else value for name, value in line.items()}


def _written(line: Any, **_: Any) -> str:
    return neutral(orjson.dumps(line, default=str).decode())


class _Mask:
    """The processor that hides secrets, wherever in the line they stand."""

    def __init__(self, masker: Masker) -> None:
        self._masker = masker

    def __call__(self, _logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        masked: dict[str, Any] = self._masker.value(dict(line))
        return masked
