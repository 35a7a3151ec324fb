"""A running process whose files a test changes."""

from __future__ import annotations

from pathlib import Path

from engine.loading.load import open_project
from engine.management.control import standing, standing_lines
from engine.reload import Reload
from engine.terminal import plain
from tests.running import Whole


class Project:
    """A running process whose files a test changes."""

    def __init__(self, running: Whole, folder: Path) -> None:
        self.running = running
        self.parts = running.parts
        self.folder = folder
        self.reload = Reload(running.parts, running.environ)

    def write(self, file: str, text: str) -> None:
        """As editors do: a new file takes the place of the old one."""
        path = self.folder / file
        fresh = path.with_suffix(".tmp")
        fresh.write_text(text)
        fresh.replace(path)

    async def configuration_of(self, found_by: str) -> str:
        (delivery,) = (await self.running.event(found_by)).deliveries
        return (await self.parts.store.attempts(delivery.id))[-1].config_hash

    async def told(self) -> str:
        clock = self.parts.clock
        told = await standing(self.parts.store, open_project(self.folder, self.running.environ), clock)
        return plain("\n".join(standing_lines(told, clock.now())))
