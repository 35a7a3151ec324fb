"""An exchange with a far side that a test plays, and projects written as an integrator would."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from engine.catalog import Catalog
from engine.clock import VirtualClock
from engine.exchange import Exchange
from engine.loading.load import open_project
from engine.masking import Masker
from engine.request import Call, HttpRequest, Reply

NOON = datetime(2025, 5, 1, 12, tzinfo=UTC)


def project(folder: Path, environ: Mapping[str, str], **connectors: str) -> Catalog:
    """A project of these connectors, loaded as any other."""
    (folder / "connectors").mkdir()
    (folder / "nsps.yaml").write_text("instance: test\nstore: sqlite:///var/nsps.db\n")
    for name, text in connectors.items():
        (folder / "connectors" / f"{name}.yaml").write_text(text)
    return open_project(folder, environ)


class World:
    """An exchange whose other side is `answer`; `asked` is what reached it."""

    def __init__(self, catalog: Catalog, **settings: Any) -> None:
        self.clock = VirtualClock(NOON)
        self.asked: list[tuple[str, HttpRequest]] = []
        self.answer: Callable[[Call, HttpRequest], Reply] = lambda call, request: self.reply()
        self.masker = Masker()
        self.exchange = Exchange(catalog, self.clock, self.masker, self.carry, **settings)

    def reply(self, status: int = 200, body: Any = None, **more: Any) -> Reply:
        return Reply(status=status, body=body, asked_at=self.clock.now(), **more)

    async def carry(self, call: Call, request: HttpRequest) -> Reply:
        self.asked.append((call.operation, request))
        await asyncio.sleep(0)
        return self.answer(call, request)

    def headers(self, index: int = -1) -> Mapping[str, str]:
        return dict(self.asked[index][1].headers)

    def at(self, seconds: float) -> None:
        self.clock.move_to(NOON + timedelta(seconds=seconds))


def a_call(connector: str = "hss", **more: Any) -> Call:
    request = more.pop("request", HttpRequest(method="GET", path="/subscriber"))
    return Call(
        connector=connector, operation="read", step="read", render=lambda _: request, trace_id="7d" * 16, **more
    )
