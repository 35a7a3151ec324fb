from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from engine.catalog import Catalog
from engine.clock import VirtualClock
from engine.connector import Connector, Window
from engine.management.control import standing, standing_lines
from engine.settings import Settings
from engine.storage.store import Store

NOW = datetime(2026, 1, 1, tzinfo=UTC)  # a Thursday
SUNDAY = Window(days=("sun",), from_=time(2), to=time(4), zone="Europe/Kyiv")


async def test_status_says_when_a_connector_is_not_called(tmp_path: Path) -> None:
    hss = Connector(name="hss", windows=(SUNDAY,))
    catalog = Catalog(
        project=tmp_path,
        settings=Settings(instance="t"),
        connectors={"hss": hss, "other": replace(hss, name="other", windows=())},
        pipelines={},
    )
    clock = VirtualClock(NOW)
    store = await Store.open("sqlite://", project=tmp_path, clock=clock)
    told = await standing(store, catalog, clock)
    lines = list(standing_lines(told, clock.now()))
    assert "not called hss: sun 02:00-04:00 Europe/Kyiv; next 2026-01-04 00:00 UTC" in lines
    assert list(told["windows"]) == ["hss"]
    clock.move_to(NOW + timedelta(days=3, hours=1))
    lines = list(standing_lines(await standing(store, catalog, clock), clock.now()))
    assert "not called hss: sun 02:00-04:00 Europe/Kyiv; in force until 2026-01-04 02:00 UTC" in lines
    await store.close()
