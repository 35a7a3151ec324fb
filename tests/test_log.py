from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import orjson
import pytest
import structlog

from engine.log import set_up_log
from engine.masking import Masker


@pytest.fixture
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def lines_of(stream: io.StringIO) -> list[dict[str, object]]:
    return [orjson.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.usefixtures("restored")
def test_a_line_is_json_with_its_fields_its_level_and_its_time() -> None:
    stream = io.StringIO()
    set_up_log(Masker(), "json", stream=stream)
    structlog.get_logger().bind(delivery=7).warning("not delivered yet", why="503")
    (line,) = lines_of(stream)
    assert {name: line[name] for name in ("message", "delivery", "why", "level")} == {
        "message": "not delivered yet", "delivery": 7, "why": "503", "level": "warning",
    }  # fmt: skip
    assert str(line["at"]).endswith("Z")


@pytest.mark.usefixtures("restored")
def test_secrets_are_masked_in_messages_fields_tracebacks_and_what_libraries_say() -> None:
    stream = io.StringIO()
    set_up_log(Masker(["canary-secret"]), "json", stream=stream)
    log = structlog.get_logger()
    log.info("a canary-secret", nested={"deep": ["canary-secret"]})
    try:
        int("canary-secret")
    except ValueError:
        log.exception("failed")
        logging.getLogger("uvicorn.error").exception("canary-secret %s", "canary-secret")
    assert len(lines_of(stream)) == 3
    assert "canary-secret" not in stream.getvalue()
    assert "ValueError" in stream.getvalue()


@pytest.mark.usefixtures("restored")
def test_a_terminal_is_told_in_plain_words() -> None:
    stream = io.StringIO()
    set_up_log(Masker(["canary-secret"]), "console", stream=stream)
    structlog.get_logger().warning("held", why="canary-secret")
    assert "held" in stream.getvalue()
    assert "canary-secret" not in stream.getvalue()
